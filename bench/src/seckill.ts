import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import Table from 'cli-table3';
import mysql from 'mysql2/promise';
import { createInternalTokens } from '@onrush/chassis/internal-tokens';
import { createApi, type Api } from '@onrush/e2e/api';
import { openActivity, until } from '@onrush/e2e/activity';
import { logIn, logInSeeded, seedBuyers, type Buyer } from '@onrush/e2e/buyers';
import { readServers, schemaOf, type Servers } from '@onrush/e2e/environment';
import { percentile } from '@onrush/e2e/parallel';
import { removeNamespace } from '@onrush/e2e/namespace';
import { firstAdmin, startFleet, type Fleet } from '../../deploy/local/fleet';
import { httpRequest, runLoad, type LoadResult } from './load';
import { perPurchase, processorTimes, type ProcessorTimes } from './processor-time';
import { commit, machine, writeResult, type BenchResult } from './results';
import { spreadOf } from './statistics';
import { runStreamLoad } from './stream-load';
import { versionsOf } from './versions';

export interface SeckillOptions {
  rounds: number;
  purchases: number;
  buyers: number;
  connections: number;
  /** Services whose CPU profiles are kept, in .local/profile. */
  profile?: string[];
}

type Target = 'gateway' | 'service';
const targets: Target[] = ['gateway', 'service'];

interface Round {
  target: Target;
  accepted: number;
  perSecond: number;
  p50: number;
  p99: number;
  oversold: number;
  failed: number;
  drainSeconds: number;
  /** Microseconds of processor time a purchase, by process, from the first request to the last answer. */
  processorTime: ProcessorTimes;
}

interface Stage extends SeckillOptions {
  servers: Servers;
  namespace: string;
  fleet: Fleet;
  api: Api;
  adminToken: string;
  people: Buyer[];
}

/** Units beyond the stock that are asked for in each round: all of them must be refused. */
const overask = 0.05;

/** Accepted purchases per second, through the gateway and straight at the service, on a fleet and data of its own. */
export async function benchSeckill(options: SeckillOptions): Promise<void> {
  const servers = readServers();
  const namespace = `bench_${randomBytes(3).toString('hex')}`;
  const say = (text: string) => console.log(text);
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    say(`✔ ${name}  ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    return result;
  };
  const fleet = await startFleet({ servers, namespace, step, extra: profiling(options.profile ?? []) });
  const api = createApi(fleet.gatewayUrl, 64);
  try {
    const admin = firstAdmin(fleet);
    const adminToken = await logIn(api, admin.username, admin.password ?? '');
    const seeded = await step(`seeding ${options.buyers} buyers`, () =>
      seedBuyers({ servers, namespace, count: options.buyers, prefix: 'bench' }),
    );
    const people = await step(`${options.buyers} buyers exchange their refresh tokens`, () =>
      logInSeeded(api, seeded),
    );
    const stage: Stage = { ...options, servers, namespace, fleet, api, adminToken, people };
    const warmUp = { ...stage, purchases: Math.ceil(stage.purchases / 4) };
    for (const target of targets)
      await step(`warm-up, ${target}, not counted`, () => runRound(warmUp, target, 0));
    const rounds: Round[] = [];
    for (let number = 1; number <= options.rounds; number += 1) {
      for (const target of targets) {
        rounds.push(
          await step(`round ${number} of ${options.rounds}, ${target}`, () =>
            runRound(stage, target, number),
          ),
        );
        say(`    ${describe(rounds.at(-1))}`);
      }
    }
    say(tableOf(rounds));
    say(`written: ${writeResult(await resultOf(stage, rounds))}`);
    if (rounds.some((round) => round.oversold !== 0 || round.failed !== 0))
      throw new Error('a round oversold, or left purchases unanswered');
  } finally {
    await api.close();
    await fleet.stop();
    await removeNamespace(servers, namespace);
  }
}

async function runRound(stage: Stage, target: Target, number: number): Promise<Round> {
  const title = `Bench round ${number} ${target}`;
  const activity = await openActivity(stage.api, stage.adminToken, {
    title,
    total: stage.purchases,
    perUserLimit: 100,
    paymentTimeoutSeconds: 86_400,
  });
  const rush =
    target === 'gateway' ? await rushAtGateway(stage, activity.id) : await rushAtService(stage, activity.id);
  const usedBefore = processorTimes(stage.fleet);
  const load = await rush();
  const accepted = load.statuses.get(202) ?? 0;
  const processorTime = perPurchase(usedBefore, processorTimes(stage.fleet), accepted);
  const refused = load.statuses.get(409) ?? 0;
  const answered = [...load.statuses.values()].reduce((sum, count) => sum + count, 0);
  const began = performance.now();
  const oversold = await drain(stage, activity.id, accepted);
  return {
    target,
    accepted,
    perSecond: accepted / load.seconds,
    ...latencies(load),
    oversold,
    failed: answered - accepted - refused,
    drainSeconds: (performance.now() - began) / 1_000,
    processorTime,
  };
}

/** Node writes a profile for Chrome's DevTools when the service ends. */
const profiling = (profiled: string[]): Record<string, Record<string, string>> =>
  Object.fromEntries(
    profiled.map((service) => [
      service,
      { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=.local/profile --cpu-prof-name=${service}.cpuprofile` },
    ]),
  );

const latencies = ({ latencies: samples }: LoadResult) => ({
  p50: percentile(samples, 0.5),
  p99: percentile(samples, 0.99),
});

const requestCount = ({ purchases }: Stage): number => Math.round(purchases * (1 + overask));
const buyerOf = ({ people }: Stage, index: number): Buyer => people[index % people.length] as Buyer;

/** Each buyer has opened the page: the gateway has seen every one of the tokens once. */
async function rushAtGateway(stage: Stage, activityId: string): Promise<() => Promise<LoadResult>> {
  const at = {
    host: '127.0.0.1',
    port: stage.fleet.ports['gateway']?.http ?? 0,
    connections: stage.connections,
  };
  const headersOf = (buyer: Buyer) => ({ Authorization: `Bearer ${buyer.accessToken}` });
  const page = `GET /api/v1/seckill/activities/${activityId}/reservations`;
  await runLoad({ ...at, requests: stage.people.map((buyer) => httpRequest(page, headersOf(buyer))) });
  const requests = Array.from({ length: requestCount(stage) }, (_, index) => {
    const headers = { ...headersOf(buyerOf(stage, index)), 'Idempotency-Key': `k${index}` };
    return httpRequest(`POST /api/v1/seckill/activities/${activityId}/buy`, headers, '{"quantity":1}');
  });
  return () => runLoad({ ...at, requests });
}

/** The service is asked the way the gateway asks it: on one BuyStream, with the gateway's own token. */
async function rushAtService(stage: Stage, activityId: string): Promise<() => Promise<LoadResult>> {
  const { fleet, connections } = stage;
  const read = (file: string): never => JSON.parse(readFileSync(file, 'utf8')) as never;
  const tokens = createInternalTokens({
    service: 'gateway',
    jwks: read(fleet.keys.jwks),
    privateKey: read(fleet.keys.privateKeyOf('gateway')),
  });
  const token = await tokens.issue('seckill-service');
  const requests = Array.from({ length: requestCount(stage) }, (_, index) => ({
    activityId,
    userId: buyerOf(stage, index).id,
    quantity: 1,
    idempotencyKey: `k${index}`,
  }));
  const address = `127.0.0.1:${fleet.ports['seckill-service']?.grpc ?? 0}`;
  return () => runStreamLoad({ address, token, inFlight: connections, requests });
}

/** Waits until every accepted purchase is an order; returns how many units were sold beyond the stock, or lost (negative). */
async function drain(
  { servers, namespace, purchases }: Stage,
  activityId: string,
  accepted: number,
): Promise<number> {
  const connection = await mysql.createConnection(servers.MYSQL_ADMIN_URL);
  const count = async (table: string): Promise<number> => {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      `SELECT COUNT(*) AS n FROM ${table} WHERE activity_id = ?`,
      [activityId],
    );
    return Number(rows[0]?.['n']);
  };
  const orders = `${schemaOf(namespace, 'order')}.orders`;
  try {
    await until(async () => (await count(orders)) >= accepted, 120_000, 50);
    const ordered = await count(orders);
    if (ordered !== accepted) return ordered - accepted;
    return Math.max(0, (await count(`${schemaOf(namespace, 'seckill')}.reservations`)) - purchases);
  } finally {
    await connection.end();
  }
}

const describe = (round: Round | undefined): string =>
  round
    ? `${Math.round(round.perSecond)} purchases/s, p50 ${round.p50.toFixed(1)} ms, p99 ${round.p99.toFixed(1)} ms, oversold ${round.oversold}, failed ${round.failed}, all are orders after ${round.drainSeconds.toFixed(1)} s`
    : '';

function tableOf(rounds: Round[]): string {
  const table = new Table({
    head: ['', ...targets],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const row = (name: string, pick: (round: Round) => number) => {
    const cells = targets.map((target) => {
      const { median, min, max } = spreadOf(rounds.filter((round) => round.target === target).map(pick));
      return `${median} (${min} … ${max})`;
    });
    table.push([name, ...cells]);
  };
  row('accepted purchases/s', (round) => round.perSecond);
  row('p50 ms', (round) => round.p50);
  row('p99 ms', (round) => round.p99);
  row('oversold', (round) => round.oversold);
  row('seconds until all are orders', (round) => round.drainSeconds);
  for (const name of rounds[0]?.processorTime.keys() ?? [])
    row(`µs of ${name} a purchase`, (round) => round.processorTime.get(name) ?? 0);
  return table.toString();
}

async function resultOf(stage: Stage, rounds: Round[]): Promise<BenchResult> {
  const metrics: BenchResult['metrics'] = {};
  const of = (target: Target) => rounds.filter((round) => round.target === target);
  for (const target of targets) {
    metrics[`${target}_purchases_per_second`] = spreadOf(of(target).map((round) => round.perSecond));
    metrics[`${target}_p50_ms`] = spreadOf(of(target).map((round) => round.p50));
    metrics[`${target}_p99_ms`] = spreadOf(of(target).map((round) => round.p99));
    metrics[`${target}_drain_seconds`] = spreadOf(of(target).map((round) => round.drainSeconds));
    for (const name of rounds[0]?.processorTime.keys() ?? [])
      metrics[`${target}_cpu_us_per_purchase_${name.replaceAll(/[ -]/g, '_')}`] = spreadOf(
        of(target).map((round) => round.processorTime.get(name) ?? 0),
      );
  }
  const ratios = of('gateway').map(
    (round, index) => round.perSecond / (of('service')[index]?.perSecond ?? Number.NaN),
  );
  metrics['gateway_to_service_ratio'] = spreadOf(ratios);
  metrics['oversold'] = rounds.reduce((sum, round) => sum + round.oversold, 0);
  return {
    name: 'seckill',
    commit: commit(),
    measured_at: new Date().toISOString(),
    machine: machine(),
    versions: await versionsOf(stage.servers),
    rounds: stage.rounds,
    metrics,
    conditions: [
      'everything on one machine: load generator, gateway, all eight processes of the seven services, MariaDB, Redis, Kafka, Consul; relay, orders and notifications work while the sale runs',
      `closed loop, ${stage.connections} keep-alive connections; ${stage.purchases} units a round and ${overask * 100} % more requests than units; a new activity each round; rounds of the two targets alternate; a quarter of a round before them is not counted, so that what is measured is compiled code`,
      `${stage.buyers} buyers with an access token each, a purchase of 1 unit with an Idempotency-Key of its own; every token was checked once before the sale, as it is when a buyer opens the page`,
      'accepted = answered 202, and found as an order in MySQL afterwards; purchases/s and µs are of accepted purchases alone, over the whole round, the time of the refusals in it; latencies are of all requests; the service is asked on one BuyStream with as many purchases in flight, as the gateway asks it',
    ],
  };
}
