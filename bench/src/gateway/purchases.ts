import { readFileSync } from 'node:fs';
import { createInternalTokens, internalTokenHeader } from '@onrush/chassis/internal-tokens';
import type { Buyer } from '@onrush/e2e/buyers';
import { authorizationOf, buyRequest } from '../buy-request';
import type { Address } from '../connection';
import { withConnections } from '../connections';
import { httpRequest, type LoadRequest } from '../http-wire';
import { countsOf, runLoad, type LoadResult } from '../load';
import { processesOf } from '../processor-time';
import type { BenchResult } from '../results';
import { describeRound, metricsOf, requestCount, sell, type Rush, type SaleRound } from '../sale';
import { createBuyers } from '../stage';
import { ratioOf } from '../statistics';
import type { Bench } from './readers';

export type Front = 'nginx' | 'gateway';
const fronts: Front[] = ['nginx', 'gateway'];
export type Purchases = Record<Front, SaleRound[]>;

export interface PurchaseOptions {
  rounds: number;
  purchases: number;
  buyers: number;
  connections: number;
}

/** The same sale through the gateway, and through nginx at the HTTP `buy` of the same seckill-service. */
export async function measurePurchases(bench: Bench, options: PurchaseOptions): Promise<Purchases> {
  const { stage } = bench;
  const buyers = createBuyers(stage, 'buyer', options.buyers);
  await stage.step(`${options.buyers} buyers log in`, buyers);
  const runRound = async (front: Front, number: number, purchases: number) =>
    sell(stage, {
      title: `Bench round ${number} ${front}`,
      purchases,
      perUserLimit: 100,
      processes: [...processesOf(stage.fleet), ...bench.systems.processes()],
      rush: rushByHttp({
        at: bench.systems.buyAt[front],
        connections: options.connections,
        purchases,
        headers: await Promise.all((await buyers()).map(headersOf[front](bench))),
      }),
    });
  for (const front of fronts)
    await stage.step(`purchases, warm-up, ${front}, not counted`, () =>
      runRound(front, 0, Math.ceil(options.purchases / 4)),
    );
  const measured: Purchases = { nginx: [], gateway: [] };
  for (let number = 1; number <= options.rounds; number += 1) {
    for (const front of number % 2 === 1 ? fronts : fronts.toReversed()) {
      const round = await stage.step(`purchases, round ${number} of ${options.rounds}, ${front}`, () =>
        runRound(front, number, options.purchases),
      );
      measured[front].push(round);
      stage.say(`    ${describeRound(round)}`);
      bench.systems.trimLogs();
    }
  }
  return measured;
}

/** Each buyer has opened the page before: whoever checks their tokens has seen every one of them once. */
const rushByHttp =
  (options: {
    at: Address;
    connections: number;
    purchases: number;
    headers: Record<string, string>[];
  }): Rush =>
  async (activityId) => {
    const { at, headers, purchases } = options;
    const load = (requests: LoadRequest[]): Promise<LoadResult> =>
      withConnections(at, options.connections, (connections) => runLoad({ connections, requests }));
    const page = `GET /api/v1/seckill/activities/${activityId}/reservations`;
    const opened = await load(headers.map((ofBuyer) => httpRequest(page, ofBuyer)));
    if (countsOf(opened, 200).failed > 0) throw new Error('a buyer could not open the page before the sale');
    const requests = Array.from({ length: requestCount(purchases) }, (_, index) =>
      buyRequest(activityId, { headers: headers[index % headers.length], key: `k${index}` }),
    );
    return () => load(requests);
  };

type HeadersOf = (buyer: Buyer) => Promise<Record<string, string>>;

/** The gateway checks access tokens; behind nginx nobody does, so its buyers bring what the gateway would have made of them. */
const headersOf: Record<Front, (bench: Bench) => HeadersOf> = {
  gateway: () => (buyer) => Promise.resolve(authorizationOf(buyer)),
  nginx: ({ stage: { fleet } }) => {
    const read = (file: string): never => JSON.parse(readFileSync(file, 'utf8')) as never;
    const tokens = createInternalTokens({
      service: 'gateway',
      jwks: read(fleet.keys.jwks),
      privateKey: read(fleet.keys.privateKeyOf('gateway')),
    });
    return async ({ id, username }) => {
      const user = { id, username, roles: ['user'], permissions: [] };
      return { [internalTokenHeader]: await tokens.issue('seckill-service', user) };
    };
  },
};

export const purchaseMetrics = ({ nginx, gateway }: Purchases): BenchResult['metrics'] => ({
  ...metricsOf('buy_nginx', nginx),
  ...metricsOf('buy_gateway', gateway),
  buy_gateway_to_nginx_ratio: ratioOf(
    gateway.map((round) => round.perSecond),
    nginx.map((round) => round.perSecond),
  ),
  oversold: [...nginx, ...gateway].reduce((sum, round) => sum + round.oversold, 0),
});
