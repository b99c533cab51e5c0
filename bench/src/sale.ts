import mysql from 'mysql2/promise';
import { setTimeout as wait } from 'node:timers/promises';
import { openActivity } from '@onrush/e2e/activity';
import { schemaOf } from '@onrush/e2e/environment';
import { percentile } from '@onrush/e2e/parallel';
import { countsOf, type LoadResult } from './load';
import {
  processesOf,
  processorTimes,
  timePerRequest,
  type NamedProcess,
  type ProcessorTimes,
} from './processor-time';
import type { BenchResult } from './results';
import type { Stage } from './stage';
import { spreadOf } from './statistics';

export interface SaleRound {
  accepted: number;
  perSecond: number;
  p50: number;
  p99: number;
  oversold: number;
  failed: number;
  drainSeconds: number;
  /** Microseconds of processor time a purchase, by process, from the first request until the last order is in MySQL. */
  processorTime: ProcessorTimes;
}

/** Units beyond the stock that are asked for in each round: all of them must be refused. */
export const overask = 0.05;
export const requestCount = (purchases: number): number => Math.round(purchases * (1 + overask));

/** Prepares all that the buyers send to an activity; what it returns is measured. */
export type Rush = (activityId: string) => Promise<() => Promise<LoadResult>>;

const longestDrainMs = 240_000;
const restMs = { shortest: 100, longest: 2_000 };

/** A new activity is sold out, and every accepted purchase followed until it is an order. */
export async function sell(
  stage: Stage,
  {
    title,
    purchases,
    rush,
    perUserLimit = 1,
    processes = processesOf(stage.fleet),
  }: {
    title: string;
    purchases: number;
    rush: Rush;
    perUserLimit?: number;
    processes?: NamedProcess[];
  },
): Promise<SaleRound> {
  const activity = await openActivity(stage.api, await stage.adminToken(), {
    title,
    total: purchases,
    perUserLimit,
    paymentTimeoutSeconds: 86_400,
  });
  const run = await rush(activity.id);
  const usedBefore = processorTimes(processes);
  const load = await run();
  const { answered: accepted, failed: notAccepted } = countsOf(load, 202);
  if (accepted === 0) throw new Error(`no purchase was accepted: ${[...load.statuses].join('; ')}`);
  const began = performance.now();
  const oversold = await drain(stage, { activityId: activity.id, accepted, purchases });
  const processorTime = timePerRequest(usedBefore, processorTimes(processes), accepted);
  return {
    accepted,
    perSecond: accepted / load.seconds,
    p50: percentile(load.latencies, 0.5),
    p99: percentile(load.latencies, 0.99),
    oversold,
    failed: notAccepted - (load.statuses.get(409) ?? 0),
    drainSeconds: (performance.now() - began) / 1_000,
    processorTime,
  };
}

/** Waits until every accepted purchase is an order; returns how many units were sold beyond the stock, or lost (negative). */
async function drain(
  { servers, namespace }: Stage,
  { activityId, accepted, purchases }: { activityId: string; accepted: number; purchases: number },
): Promise<number> {
  const connection = await mysql.createConnection(servers.MYSQL_ADMIN_URL);
  // Ids grow with time: an activity's own is before all of its orders, and the rows of sales before it are not read.
  const count = async (table: string): Promise<number> => {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      `SELECT COUNT(*) AS n FROM ${table} WHERE id > ? AND activity_id = ?`,
      [activityId, activityId],
    );
    return Number(rows[0]?.['n']);
  };
  try {
    const ordered = await countUntil(() => count(`${schemaOf(namespace, 'order')}.orders`), accepted);
    const reserved = await count(`${schemaOf(namespace, 'seckill')}.reservations`);
    if (ordered !== accepted) return ordered - accepted;
    if (reserved !== accepted) return reserved - accepted;
    return Math.max(0, accepted - purchases);
  } finally {
    await connection.end();
  }
}

/** Counts until there are as many, or time is up. */
async function countUntil(count: () => Promise<number>, wanted: number): Promise<number> {
  const began = performance.now();
  const first = await count();
  let counted = first;
  for (let elapsedMs = 0; counted < wanted && elapsedMs < longestDrainMs;) {
    await wait(restBeforeCount({ elapsedMs, came: counted - first, left: wanted - counted }));
    counted = await count();
    elapsedMs = performance.now() - began;
  }
  return counted;
}

/**
 * Whoever counts the rows of a large sale too often takes the time that they need to be written: the rest before the next count is half of what the
 * others will take at the speed so far, and no longer than it took until now.
 */
export function restBeforeCount(so: { elapsedMs: number; came: number; left: number }): number {
  const halfOfRest = so.came > 0 ? (so.left / so.came) * (so.elapsedMs / 2) : so.elapsedMs;
  return Math.max(restMs.shortest, Math.min(halfOfRest, so.elapsedMs, restMs.longest));
}

export const describeRound = (round: SaleRound): string =>
  `${Math.round(round.perSecond)} purchases/s, p50 ${round.p50.toFixed(1)} ms, p99 ${round.p99.toFixed(1)} ms, oversold ${round.oversold}, failed ${round.failed}, all are orders after ${round.drainSeconds.toFixed(1)} s`;

/** The name in the results of what a process uses for a purchase. */
export const cpuMetric = (prefix: string, process: string): string =>
  `${prefix}_cpu_us_per_purchase_${process.replaceAll(/[ -]/g, '_')}`;

/** The figures of all rounds of one target, by the name in the results. */
export function metricsOf(prefix: string, rounds: SaleRound[]): BenchResult['metrics'] {
  const of = (pick: (round: SaleRound) => number) => spreadOf(rounds.map(pick));
  return {
    [`${prefix}_purchases_per_second`]: of((round) => round.perSecond),
    [`${prefix}_p50_ms`]: of((round) => round.p50),
    [`${prefix}_p99_ms`]: of((round) => round.p99),
    [`${prefix}_drain_seconds`]: of((round) => round.drainSeconds),
    ...Object.fromEntries(
      [...(rounds[0]?.processorTime.keys() ?? [])].map((name) => [
        cpuMetric(prefix, name),
        of((round) => round.processorTime.get(name) ?? 0),
      ]),
    ),
  };
}

export const soldWrongly = ({ oversold, failed }: Pick<SaleRound, 'oversold' | 'failed'>): boolean =>
  oversold !== 0 || failed !== 0;
