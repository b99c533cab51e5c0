import { readFileSync } from 'node:fs';
import { createInternalTokens } from '@onrush/chassis/internal-tokens';
import { openActivity } from '@onrush/e2e/activity';
import type { Address } from '../connection';
import { httpRequest, type LoadRequest } from '../http-wire';
import { countsOf, runLoad, type LoadResult } from '../load';
import type { Rush } from '../sale';
import type { Stage } from '../stage';
import { runStreamLoad, type StreamLoadOptions } from '../stream-load';
import type { CrowdBuyer } from './crowd';

export type Target = 'gateway' | 'service';
export const targets: Target[] = ['gateway', 'service'];

export const gatewayOf = ({ fleet }: Stage): Address => ({
  host: '127.0.0.1',
  port: fleet.ports['gateway']?.http ?? 0,
});

/** A purchase of one unit by each of them, with an Idempotency-Key of its own. */
export const purchasesOf = (activityId: string, people: CrowdBuyer[]): LoadRequest[] =>
  people.map(({ accessToken }, index) =>
    httpRequest(
      `POST /api/v1/seckill/activities/${activityId}/buy`,
      { Authorization: `Bearer ${accessToken}`, 'Idempotency-Key': `k${index}` },
      '{"quantity":1}',
    ),
  );

/** Buyers who come by HTTP; how they come, `load` says. */
export const throughGateway =
  (
    stage: Stage,
    people: CrowdBuyer[],
    load: (options: Address & { requests: LoadRequest[] }) => Promise<LoadResult>,
  ): Rush =>
  (activityId) => {
    const requests = purchasesOf(activityId, people);
    return Promise.resolve(() => load({ ...gatewayOf(stage), requests }));
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

/**
 * All of them press the button of a sale that begins tomorrow, so that the gateway has checked every token once, as it has when a buyer opens the
 * page: checking a new one costs more than a purchase.
 */
export async function arrive(stage: Stage, people: CrowdBuyer[]): Promise<void> {
  const tomorrow = await openActivity(stage.api, await stage.adminToken(), {
    title: 'Bench, tomorrow',
    total: 1,
    perUserLimit: 1,
    paymentTimeoutSeconds: 900,
    startsInSeconds: 86_400,
    durationSeconds: 3_600,
  });
  const load = await runLoad({
    ...gatewayOf(stage),
    connections: 256,
    requests: purchasesOf(tomorrow.id, people),
    keepLatencies: false,
  });
  if (countsOf(load, 409).failed > 0)
    throw new Error(`not everybody was told that it has not begun: ${[...load.statuses].join('; ')}`);
}
