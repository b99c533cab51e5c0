import { readFileSync } from 'node:fs';
import { createInternalTokens } from '@onrush/chassis/internal-tokens';
import { openActivity } from '@onrush/e2e/activity';
import { authorizationOf, buyRequest } from '../buy-request';
import type { Address, Connection } from '../connection';
import { sendInTurns } from '../connections';
import type { LoadRequest } from '../http-wire';
import type { LoadResult } from '../load';
import type { Rush } from '../sale';
import type { Stage } from '../stage';
import { runStreamLoad, type StreamLoadOptions } from '../stream-load';
import { signCrowd, type CrowdBuyer } from './crowd';

export type Target = 'gateway' | 'service';
export const targets: Target[] = ['gateway', 'service'];

export const gatewayOf = ({ fleet }: Stage): Address => ({
  host: '127.0.0.1',
  port: fleet.ports['gateway']?.http ?? 0,
});

/** A purchase of one unit by each of them, with an Idempotency-Key of its own. */
export const purchasesOf = (activityId: string, people: CrowdBuyer[]): LoadRequest[] =>
  people.map((buyer, index) => buyRequest(activityId, { headers: authorizationOf(buyer), key: `k${index}` }));

/** Buyers who come by HTTP; how they come, `load` says. */
export const throughGateway =
  (people: CrowdBuyer[], load: (requests: LoadRequest[]) => Promise<LoadResult>): Rush =>
  (activityId) => {
    const requests = purchasesOf(activityId, people);
    return Promise.resolve(() => load(requests));
  };

/** The service is asked the way the gateway asks it: on one BuyStream, with the gateway's own token. */
export const straightAtService =
  ({ fleet }: Stage, people: CrowdBuyer[], pace: StreamLoadOptions['pace']): Rush =>
  async (activityId) => {
    const read = (file: string): never => JSON.parse(readFileSync(file, 'utf8')) as never;
    const tokens = createInternalTokens({
      service: 'gateway',
      jwks: read(fleet.keys.jwks),
      privateKey: read(fleet.keys.privateKeyOf('gateway')),
    });
    const token = await tokens.issue('seckill-service');
    const address = `127.0.0.1:${fleet.ports['seckill-service']?.grpc ?? 0}`;
    const requests = people.map(({ id: userId }, index) => ({
      activityId,
      userId,
      quantity: 1,
      idempotencyKey: `k${index}`,
    }));
    return () => runStreamLoad({ address, token, pace, requests });
  };

/** So many new buyers, who have opened the page: each on the connection that has his place, on which he buys later. */
export const gather = (
  stage: Stage,
  connections: Connection[],
  { count, name = 'buyers' }: { count: number; name?: string },
): Promise<CrowdBuyer[]> =>
  stage.step(`${count} ${name} arrive`, async () => {
    const people = await signCrowd(stage, count);
    await arrive(stage, connections, people);
    return people;
  });

/** More at one time would be told to come back. */
const arriveAtOnce = 64;

/**
 * All of them press the button of a sale that begins tomorrow, so that the gateway has checked every token once, as it has when a buyer opens the
 * page: checking a new one costs more than a purchase. Of several workers of the gateway, it is the one that has the buyer's connection. The
 * connections take turns, so that none is idle for as long as the gateway keeps such a one.
 */
export async function arrive(stage: Stage, connections: Connection[], people: CrowdBuyer[]): Promise<void> {
  const tomorrow = await openActivity(stage.api, await stage.adminToken(), {
    title: 'Bench, tomorrow',
    total: 1,
    perUserLimit: 1,
    paymentTimeoutSeconds: 900,
    startsInSeconds: 86_400,
    durationSeconds: 3_600,
  });
  const requests = purchasesOf(tomorrow.id, people);
  const statuses = await sendInTurns({ connections, requests }, arriveAtOnce);
  const others = new Set(statuses);
  others.delete(409);
  if (others.size > 0)
    throw new Error(`not everybody was told that it has not begun: ${[...others].join(', ')}`);
}
