import { getPriority } from 'node:os';
import Table from 'cli-table3';
import { observersUp } from '../../deploy/local/observers';
import { withConnections } from './connections';
import { goFirst } from './priority';
import { newResult, writeResult, type BenchResult } from './results';
import { describeRound, overask, soldWrongly, type SaleRound } from './sale';
import { environmentOf } from './seckill';
import { roundsOn } from './seckill/peak';
import { gatewayOf } from './seckill/targets';
import { onStage, step, type Stage } from './stage';
import { ratioOf, spreadOf } from './statistics';
import { versionsOf } from './versions';

export interface TracingOptions {
  /** Of the requests. */
  ratio: number;
  rounds: number;
  purchases: number;
  connections: number;
  /** Of each gateway. */
  workers: number;
}

type Fleets = Record<'untraced' | 'traced', Stage>;
type Rounds = Record<keyof Fleets, SaleRound[]>;

/** What tracing costs: two fleets live at once, and one of them sends its spans to Jaeger; they sell in turn, as fast as it goes. */
export async function benchTracing(options: TracingOptions): Promise<void> {
  const observed = await observersUp({ step });
  const extra = environmentOf(options);
  const env = { ...observed.env, TRACE_RATIO: String(options.ratio) };
  try {
    await onStage(extra, (untraced) =>
      onStage(extra, (traced) => compare({ untraced, traced }, options), env),
    );
  } finally {
    await observed.down();
  }
}

async function compare(fleets: Fleets, options: TracingOptions): Promise<void> {
  // Not before the fleets have started, which would inherit it.
  goFirst();
  const rounds = await measure(fleets, options);
  const result = await resultOf(fleets.untraced, options, metricsOf(rounds));
  fleets.untraced.say(report(result));
  if ([...rounds.untraced, ...rounds.traced].some(soldWrongly))
    throw new Error('a sale oversold, or left purchases unanswered');
  fleets.untraced.say(`written: ${writeResult(result)}`);
}

/** In pairs; who begins changes with each. */
const measure = (
  { untraced, traced }: Fleets,
  { rounds, purchases, connections }: TracingOptions,
): Promise<Rounds> =>
  withConnections(gatewayOf(untraced), connections, (toUntraced) =>
    withConnections(gatewayOf(traced), connections, async (toTraced) => {
      const run = {
        untraced: roundsOn(untraced, toUntraced, purchases),
        traced: roundsOn(traced, toTraced, purchases),
      };
      const measured: Rounds = { untraced: [], traced: [] };
      const names = ['untraced', 'traced'] as const;
      for (const name of names)
        await step(`warm-up, ${name}, not counted`, () => run[name]('gateway', 0, Math.ceil(purchases / 2)));
      for (let number = 1; number <= rounds; number += 1) {
        for (const name of number % 2 === 1 ? names : names.toReversed()) {
          const round = await step(`round ${number} of ${rounds}, ${name}`, () =>
            run[name]('gateway', number, purchases),
          );
          measured[name].push(round);
          untraced.say(`    ${describeRound(round)}`);
        }
      }
      return measured;
    }),
  );

const shared = ['load generator', 'mysql', 'redis', 'kafka', 'consul'];

/** Of the processes of its own fleet, in microseconds a purchase. */
const ownTime = ({ processorTime }: SaleRound): number =>
  [...processorTime].reduce((sum, [name, time]) => (shared.includes(name) ? sum : sum + time), 0);

function metricsOf({ untraced, traced }: Rounds): BenchResult['metrics'] {
  const of = (rounds: SaleRound[], pick: (round: SaleRound) => number) => rounds.map(pick);
  const perSecond = (rounds: SaleRound[]) => of(rounds, (round) => round.perSecond);
  return {
    untraced_purchases_per_second: spreadOf(perSecond(untraced)),
    traced_purchases_per_second: spreadOf(perSecond(traced)),
    traced_to_untraced_ratio: ratioOf(perSecond(traced), perSecond(untraced)),
    untraced_p99_ms: spreadOf(of(untraced, (round) => round.p99)),
    traced_p99_ms: spreadOf(of(traced, (round) => round.p99)),
    untraced_cpu_us_per_purchase: spreadOf(of(untraced, ownTime)),
    traced_cpu_us_per_purchase: spreadOf(of(traced, ownTime)),
    cpu_ratio: ratioOf(of(traced, ownTime), of(untraced, ownTime)),
  };
}

function report({ metrics }: BenchResult): string {
  const table = new Table({
    head: ['', 'median', 'least', 'most'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, spread] of Object.entries(metrics))
    if (typeof spread === 'object')
      table.push([name.replaceAll('_', ' '), spread.median, spread.min, spread.max]);
  return table.toString();
}

const resultOf = async (
  { servers }: Stage,
  options: TracingOptions,
  metrics: BenchResult['metrics'],
): Promise<BenchResult> =>
  newResult({
    name: 'tracing',
    versions: await versionsOf(servers),
    rounds: options.rounds,
    metrics,
    conditions: [
      `two fleets and their servers, Jaeger, Prometheus and the load generator (niceness ${getPriority()}) on one machine; both fleets live all the time, and one at a time sells`,
      `traced: ${options.ratio * 100} % of the requests, and whatever fails or takes a second; its spans go to Jaeger, whose own processor time is in the purchases a second and not in the microseconds`,
      `a closed loop through the gateway (${options.workers} workers), ${options.connections} connections, ${options.purchases} units a round and ${overask * 100} % more requests than units; a ratio is of two rounds after each other, and who begins changes`,
      'microseconds: of the processes of the fleet, without servers and load generator, until the last order is in MySQL',
    ],
  });
