import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('gateway', {
  ambiguousAuthorization: { http: 400, number: 1, message: 'more than one Authorization header' },
  tokenInvalid: { http: 401, number: 1, message: 'the access token is not valid' },
  upstreamFailed: { http: 503, number: 1, message: 'the service is not available now, try again' },
});
