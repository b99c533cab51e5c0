import { runPacedLoad } from '../paced-load';
import { processesOf } from '../processor-time';
import type { BenchResult } from '../results';
import { sell, type SaleRound } from '../sale';
import type { Stage } from '../stage';
import { signCrowd } from './crowd';
import { arrive, straightAtService, targets, throughGateway, type Target } from './targets';

export interface SustainedOptions {
  seconds: number;
  /** Purchases a second that are due. */
  rates: Record<Target, number>;
}

/** Enough that an answer of 100 ms keeps nobody waiting for a connection. */
const connections = 2_048;

/** Open loop: each buyer comes at his time, whether those before him have their answers or not. */
export async function measureSustained(
  stage: Stage,
  { seconds, rates }: SustainedOptions,
): Promise<Record<Target, SaleRound>> {
  const measure = async (target: Target): Promise<SaleRound> => {
    const rate = rates[target];
    const purchases = rate * seconds;
    const people = await stage.step(`${purchases} buyers arrive, ${target}`, async () => {
      const crowd = await signCrowd(stage, purchases);
      if (target === 'gateway') await arrive(stage, crowd);
      return crowd;
    });
    const paced = { requestsPerSecond: rate, seconds, connections };
    const round = await stage.step(`${rate} a second for ${seconds} s, ${target}`, () =>
      sell(stage, {
        title: `Bench sustained ${target}`,
        purchases,
        perUserLimit: 1,
        processes: processesOf(stage.fleet),
        rush:
          target === 'gateway'
            ? throughGateway(stage, people, (load) => runPacedLoad({ ...load, ...paced }))
            : straightAtService(stage, people, { perSecond: rate }),
      }),
    );
    stage.say(`    ${describe(round)}`);
    return round;
  };
  const [gateway, service] = targets;
  return {
    gateway: await measure(gateway as Target),
    service: await measure(service as Target),
  };
}

const describe = (round: SaleRound): string =>
  `${Math.round(round.perSecond)} purchases/s, p50 ${round.p50.toFixed(1)} ms, p99 ${round.p99.toFixed(1)} ms, oversold ${round.oversold}, failed ${round.failed}, all are orders after ${round.drainSeconds.toFixed(1)} s more`;

export const sustainedMetrics = (
  rounds: Record<Target, SaleRound>,
  { seconds, rates }: SustainedOptions,
): BenchResult['metrics'] =>
  Object.fromEntries(
    targets.flatMap((target) => {
      const round = rounds[target];
      const of = (name: string) => `sustained_${target}_${name}`;
      return [
        [of('offered_per_second'), rates[target]],
        [of('accepted_per_second'), Math.round(round.perSecond)],
        [of('p50_ms'), round.p50],
        [of('p99_ms'), round.p99],
        [of('error_share'), round.failed / (rates[target] * seconds)],
        [of('drain_seconds'), round.drainSeconds],
      ];
    }),
  );
