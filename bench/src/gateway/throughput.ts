import { withConnections } from '../connections';
import { countsOf, runTimedLoad } from '../load';
import { processesOf, processorTimes, timePerRequest, type ProcessorTimes } from '../processor-time';
import type { BenchResult } from '../results';
import { ratioOf, spreadOf } from '../statistics';
import { readConnections, type Bench } from './readers';
import { processOf } from './systems';
import { inTurn, ofTargets, targets, type OfTargets, type Target } from './targets';

export interface ThroughputRound {
  perSecond: number;
  failed: number;
  /** Requests to the upstream for one to the target. */
  upstreamShare: number;
  /** Microseconds of processor time a request, by process. */
  processorTime: ProcessorTimes;
}
export type Throughput = OfTargets<ThroughputRound[]>;

/** Closed loop: as many requests a second as each target answers. */
export async function measureThroughput(
  bench: Bench,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Throughput> {
  const { say, step } = bench.stage;
  await step('warm-up of all targets, not counted', async () => {
    for (const target of targets) await measure(bench, target, seconds);
  });
  const measured = ofTargets<ThroughputRound[]>(() => []);
  for (let number = 1; number <= rounds; number += 1) {
    for (const target of inTurn(number)) {
      const round = await step(`throughput, round ${number} of ${rounds}, ${target}`, () =>
        measure(bench, target, seconds),
      );
      measured[target].push(round);
      const own = round.processorTime.get(processOf[target]) ?? 0;
      say(
        `    ${Math.round(round.perSecond)} requests/s, ${Math.round(own)} µs each, failed ${round.failed}`,
      );
    }
  }
  return measured;
}

async function measure(
  { systems, stage, readers }: Bench,
  target: Target,
  seconds: number,
): Promise<ThroughputRound> {
  const requests = (await readers()).requestsFor(target);
  const processes = [...systems.processes(), ...processesOf(stage.fleet)];
  const seenBefore = await systems.upstreamSeen();
  const usedBefore = processorTimes(processes);
  const load = await withConnections(systems.at[target], readConnections, (connections) =>
    runTimedLoad({ connections, requests, seconds }),
  );
  const { answered, failed } = countsOf(load, 200);
  if (answered === 0) throw new Error(`${target} answered nothing: ${[...load.statuses].join('; ')}`);
  const processorTime = timePerRequest(usedBefore, processorTimes(processes), answered);
  const seen = (await systems.upstreamSeen()) - seenBefore;
  systems.trimLogs();
  return { perSecond: answered / load.seconds, failed, upstreamShare: seen / answered, processorTime };
}

export const perSecondOf = (rounds: ThroughputRound[]): number[] => rounds.map(({ perSecond }) => perSecond);

export function throughputMetrics(measured: Throughput): BenchResult['metrics'] {
  const metrics: BenchResult['metrics'] = {};
  for (const target of targets) {
    const rounds = measured[target];
    const used = (name: string) => spreadOf(rounds.map((round) => round.processorTime.get(name) ?? 0));
    metrics[`${target}_requests_per_second`] = spreadOf(perSecondOf(rounds));
    metrics[`${target}_cpu_us_per_request`] = used(processOf[target]);
    metrics[`${target}_load_generator_cpu_us_per_request`] = used('load generator');
    metrics[`${target}_upstream_cpu_us_per_request`] = used('upstream');
    metrics[`${target}_redis_cpu_us_per_request`] = used('redis');
  }
  const ratio = (one: Target, other: Target) =>
    ratioOf(perSecondOf(measured[one]), perSecondOf(measured[other]));
  return {
    ...metrics,
    gateway_to_bare_hpm_ratio: ratio('gateway', 'bare_hpm'),
    gateway_to_nginx_ratio: ratio('gateway', 'nginx'),
    gateway_to_nginx_auto_ratio: ratio('gateway', 'nginx_auto'),
    gateway_cached_to_nginx_ratio: ratio('gateway_cached', 'nginx'),
    gateway_cached_to_nginx_auto_ratio: ratio('gateway_cached', 'nginx_auto'),
    gateway_cached_upstream_share: spreadOf(measured.gateway_cached.map((round) => round.upstreamShare)),
  };
}

/** Requests per second that every target manages at half of its load, or less. */
export const halfLoadOf = (measured: Throughput): number =>
  Math.floor(Math.min(...targets.map((target) => spreadOf(perSecondOf(measured[target])).median)) / 2);
