import { httpRequest, type LoadRequest } from './http-wire';

export const buyPath = (activityId: string): string => `/api/v1/seckill/activities/${activityId}/buy`;

/** The headers by which the gateway knows a user. */
export const authorizationOf = ({ accessToken }: { accessToken: string }): Record<string, string> => ({
  Authorization: `Bearer ${accessToken}`,
});

/** A purchase of one unit. */
export const buyRequest = (
  activityId: string,
  { headers, key }: { headers: Record<string, string> | undefined; key: string },
): LoadRequest =>
  httpRequest(`POST ${buyPath(activityId)}`, { ...headers, 'Idempotency-Key': key }, '{"quantity":1}');
