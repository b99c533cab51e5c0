import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { createInternalTokens } from '@onrush/chassis/internal-tokens';
import type { Buyer } from '@onrush/e2e/buyers';
import { processesOf } from './processor-time';
import { commit, machine, writeResult, type BenchResult } from './results';
import {
  buyerOf,
  describeRound,
  metricsOf,
  overask,
  requestCount,
  rushByHttp,
  sell,
  soldWrongly,
  type Rush,
  type SaleRound,
} from './sale';
import { createBuyers, onStage, type Stage } from './stage';
import { ratioOf, spreadOf } from './statistics';
import { runStreamLoad } from './stream-load';
import { versionsOf } from './versions';

export interface SeckillOptions {
  rounds: number;
  purchases: number;
  buyers: number;
  connections: number;
  /** Processes whose CPU profiles are kept, in .local/profile. */
  profile?: string[];
}

type Target = 'gateway' | 'service';
const targets: Target[] = ['gateway', 'service'];
type Rounds = Record<Target, SaleRound[]>;

/** Accepted purchases per second, through the gateway and straight at the service, on a fleet and data of its own. */
export const benchSeckill = (options: SeckillOptions): Promise<void> =>
  onStage(profiling(options.profile ?? []), async (stage) => {
    const { say, step } = stage;
    const people = await step(
      `${options.buyers} buyers log in`,
      createBuyers(stage, 'bench', options.buyers),
    );
    const runRound = (target: Target, number: number, purchases: number) =>
      sell(stage, {
        title: `Bench round ${number} ${target}`,
        purchases,
        processes: processesOf(stage.fleet),
        rush: rushes[target](stage, { ...options, purchases, people }),
      });
    for (const target of targets)
      await step(`warm-up, ${target}, not counted`, () =>
        runRound(target, 0, Math.ceil(options.purchases / 4)),
      );
    const rounds: Rounds = { gateway: [], service: [] };
    for (let number = 1; number <= options.rounds; number += 1) {
      for (const target of targets) {
        const round = await step(`round ${number} of ${options.rounds}, ${target}`, () =>
          runRound(target, number, options.purchases),
        );
        rounds[target].push(round);
        say(`    ${describeRound(round)}`);
      }
    }
    say(tableOf(rounds));
    if (targets.some((target) => rounds[target].some(soldWrongly)))
      throw new Error('a round oversold, or left purchases unanswered');
    say(`written: ${writeResult(await resultOf(stage, options, rounds))}`);
  });

/** Node writes a profile for Chrome's DevTools when the service ends. */
const profiling = (profiled: string[]): Record<string, Record<string, string>> =>
  Object.fromEntries(
    profiled.map((service) => [
      service,
      { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=.local/profile --cpu-prof-name=${service}.cpuprofile` },
    ]),
  );

interface Crowd {
  purchases: number;
  connections: number;
  people: Buyer[];
}

const rushes: Record<Target, (stage: Stage, crowd: Crowd) => Rush> = {
  gateway: ({ fleet }, crowd) =>
    rushByHttp({
      ...crowd,
      at: { host: '127.0.0.1', port: fleet.ports['gateway']?.http ?? 0 },
      headersOf: ({ accessToken }) => Promise.resolve({ Authorization: `Bearer ${accessToken}` }),
    }),
  service: rushAtService,
};

/** The service is asked the way the gateway asks it: on one BuyStream, with the gateway's own token. */
function rushAtService({ fleet }: Stage, { purchases, connections, people }: Crowd): Rush {
  return async (activityId) => {
    const read = (file: string): never => JSON.parse(readFileSync(file, 'utf8')) as never;
    const tokens = createInternalTokens({
      service: 'gateway',
      jwks: read(fleet.keys.jwks),
      privateKey: read(fleet.keys.privateKeyOf('gateway')),
    });
    const token = await tokens.issue('seckill-service');
    const requests = Array.from({ length: requestCount(purchases) }, (_, index) => ({
      activityId,
      userId: buyerOf(people, index).id,
      quantity: 1,
      idempotencyKey: `k${index}`,
    }));
    const address = `127.0.0.1:${fleet.ports['seckill-service']?.grpc ?? 0}`;
    return () => runStreamLoad({ address, token, inFlight: connections, requests });
  };
}

function tableOf(rounds: Rounds): string {
  const table = new Table({
    head: ['', ...targets],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const row = (name: string, pick: (round: SaleRound) => number) => {
    const cells = targets.map((target) => {
      const { median, min, max } = spreadOf(rounds[target].map(pick));
      return `${median} (${min} … ${max})`;
    });
    table.push([name, ...cells]);
  };
  row('accepted purchases/s', (round) => round.perSecond);
  row('p50 ms', (round) => round.p50);
  row('p99 ms', (round) => round.p99);
  row('oversold', (round) => round.oversold);
  row('seconds until all are orders', (round) => round.drainSeconds);
  for (const name of rounds.gateway[0]?.processorTime.keys() ?? [])
    row(`µs of ${name} a purchase`, (round) => round.processorTime.get(name) ?? 0);
  return table.toString();
}

async function resultOf(
  { servers }: Stage,
  options: SeckillOptions,
  { gateway, service }: Rounds,
): Promise<BenchResult> {
  const perSecond = (rounds: SaleRound[]) => rounds.map((round) => round.perSecond);
  return {
    name: 'seckill',
    commit: commit(),
    measured_at: new Date().toISOString(),
    machine: machine(),
    versions: await versionsOf(servers),
    rounds: options.rounds,
    metrics: {
      ...metricsOf('gateway', gateway),
      ...metricsOf('service', service),
      gateway_to_service_ratio: ratioOf(perSecond(gateway), perSecond(service)),
      oversold: [...gateway, ...service].reduce((sum, round) => sum + round.oversold, 0),
    },
    conditions: [
      'everything on one machine: load generator, gateway, all eight processes of the seven services, MariaDB, Redis, Kafka, Consul; relay, orders and notifications work while the sale runs',
      `closed loop, ${options.connections} keep-alive connections; ${options.purchases} units a round and ${overask * 100} % more requests than units; a new activity each round; rounds of the two targets alternate; a quarter of a round before them is not counted, so that what is measured is compiled code`,
      `${options.buyers} buyers with an access token each, a purchase of 1 unit with an Idempotency-Key of its own; every token was checked once before the sale, as it is when a buyer opens the page`,
      'accepted = answered 202, and found as an order in MySQL afterwards; purchases/s and µs are of accepted purchases alone, over the whole round, the time of the refusals in it; latencies are of accepted purchases; the service is asked on one BuyStream with as many purchases in flight, as the gateway asks it',
    ],
  };
}
