import type { Buyer } from '@onrush/e2e/buyers';
import { percentile } from '@onrush/e2e/parallel';
import { authorizationOf, buyRequest } from '../buy-request';
import { withConnections } from '../connections';
import { runPacedLoad } from '../paced-load';
import type { RehearsalOptions } from './program';
import type { Rehearsal } from './stage';

export interface Rush {
  tries: number;
  /** Each of them is a purchase of its own: no key came twice. */
  accepted: number;
  /** How often each HTTP status was answered; 0 counts broken connections. */
  statuses: Record<string, number>;
  /** Neither bought nor refused as a sale refuses. */
  failed: number;
  p50Ms: number;
  p99Ms: number;
  perSecond: number;
}

const answers = new Set([202, 409]);

export const keyOf = (buyer: Buyer): string => `rehearsal-${buyer.id}`;
export const shareOf = <T>(items: T[], share: number): T[] =>
  items.slice(0, Math.round(items.length * share));

/** Who ask for a second unit. */
export const greedyOf = (buyers: Buyer[], { twiceShare }: RehearsalOptions): Set<Buyer> =>
  new Set(shareOf(buyers, twiceShare));

/** Everybody tries, so many a second, whether the last ones are answered or not; some ask for a second unit in the same moment. */
export async function rush(
  { at }: Pick<Rehearsal, 'at'>,
  activityId: string,
  { buyers, options }: { buyers: Buyer[]; options: RehearsalOptions },
): Promise<Rush> {
  const greedy = greedyOf(buyers, options);
  const request = (buyer: Buyer, key: string) =>
    buyRequest(activityId, { headers: authorizationOf(buyer), key });
  const requests = buyers.flatMap((buyer) => [
    request(buyer, keyOf(buyer)),
    ...(greedy.has(buyer) ? [request(buyer, `${keyOf(buyer)}-more`)] : []),
  ]);
  const { rate } = options;
  const load = await withConnections(at, Math.min(options.connections, requests.length), (connections) =>
    runPacedLoad({ connections, requests, requestsPerSecond: rate, seconds: requests.length / rate }),
  );
  const latencies = [...load.latencies, ...load.refusalLatencies];
  const failed = [...load.statuses].filter(([status]) => !answers.has(status));
  return {
    tries: requests.length,
    accepted: load.statuses.get(202) ?? 0,
    statuses: Object.fromEntries(load.statuses),
    failed: failed.reduce((sum, [, count]) => sum + count, 0),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    perSecond: requests.length / load.seconds,
  };
}
