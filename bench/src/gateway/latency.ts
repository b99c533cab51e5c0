import { percentile } from '@onrush/e2e/parallel';
import { withConnections } from '../connections';
import { countsOf } from '../load';
import { runPacedLoad } from '../paced-load';
import type { BenchResult } from '../results';
import { differenceOf, spreadOf } from '../statistics';
import { readConnections, type Bench } from './readers';
import { inTurn, ofTargets, targets, type OfTargets, type Target } from './targets';

export interface LatencyRound {
  p50: number;
  p99: number;
  failed: number;
}
export type Latency = OfTargets<LatencyRound[]>;

/** Open loop at one and the same rate: what each target adds to the time that the upstream alone takes. */
export async function measureLatency(
  bench: Bench,
  options: { rounds: number; seconds: number; requestsPerSecond: number },
): Promise<Latency> {
  const { say, step } = bench.stage;
  const { rounds, requestsPerSecond } = options;
  const measured = ofTargets<LatencyRound[]>(() => []);
  for (let number = 1; number <= rounds; number += 1) {
    for (const target of inTurn(number)) {
      const name = `latency at ${requestsPerSecond} requests/s, round ${number} of ${rounds}, ${target}`;
      const round = await step(name, () => measure(bench, target, options));
      measured[target].push(round);
      say(`    p50 ${round.p50.toFixed(2)} ms, p99 ${round.p99.toFixed(2)} ms, failed ${round.failed}`);
    }
  }
  return measured;
}

async function measure(
  { systems, readers }: Bench,
  target: Target,
  { requestsPerSecond, seconds }: { requestsPerSecond: number; seconds: number },
): Promise<LatencyRound> {
  const requests = (await readers()).requestsFor(target);
  const load = await withConnections(systems.at[target], readConnections, (connections) =>
    runPacedLoad({ connections, requests, requestsPerSecond, seconds }),
  );
  systems.trimLogs();
  const { latencies } = load;
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    failed: countsOf(load, 200).failed,
  };
}

export function latencyMetrics(measured: Latency, requestsPerSecond: number): BenchResult['metrics'] {
  const metrics: BenchResult['metrics'] = { half_load_requests_per_second: requestsPerSecond };
  for (const share of ['p50', 'p99'] as const) {
    const of = (target: Target) => measured[target].map((round) => round[share]);
    for (const target of targets) {
      metrics[`${target}_half_load_${share}_ms`] = spreadOf(of(target));
      if (target !== 'direct')
        metrics[`${target}_added_${share}_ms`] = differenceOf(of(target), of('direct'));
    }
  }
  return metrics;
}
