import { withConnections } from '../connections';
import { runPacedLoad } from '../paced-load';
import type { BenchResult } from '../results';
import { cpuMetric, describeRound, sell, type Rush, type SaleRound } from '../sale';
import type { Stage } from '../stage';
import { signCrowd, type CrowdBuyer } from './crowd';
import { gather, gatewayOf, straightAtService, targets, throughGateway, type Target } from './targets';

export interface SustainedOptions {
  seconds: number;
  /** Purchases a second that are due. */
  rates: Record<Target, number>;
}

/** Enough that an answer of 100 ms keeps nobody waiting for a connection. */
const connectionCount = 2_048;

/** Open loop: each buyer comes at his time, whether those before him have their answers or not. */
export async function measureSustained(
  stage: Stage,
  { seconds, rates }: SustainedOptions,
): Promise<Record<Target, SaleRound>> {
  const measure = async (target: Target, people: CrowdBuyer[], rush: Rush): Promise<SaleRound> => {
    const round = await stage.step(`${rates[target]} a second for ${seconds} s, ${target}`, () =>
      sell(stage, { title: `Bench sustained ${target}`, purchases: people.length, rush }),
    );
    stage.say(`    ${describeRound(round)}`);
    return round;
  };
  const gateway = await withConnections(gatewayOf(stage), connectionCount, async (connections) => {
    const people = await gather(stage, connections, { count: rates.gateway * seconds });
    const paced = { connections, requestsPerSecond: rates.gateway, seconds };
    const rush = throughGateway(people, (requests) => runPacedLoad({ ...paced, requests }));
    return measure('gateway', people, rush);
  });
  const people = await signCrowd(stage, rates.service * seconds);
  const rush = straightAtService(stage, people, { perSecond: rates.service });
  return { gateway, service: await measure('service', people, rush) };
}

export const sustainedMetrics = (
  rounds: Record<Target, SaleRound>,
  { seconds, rates }: SustainedOptions,
): BenchResult['metrics'] =>
  Object.fromEntries(
    targets.flatMap((target): [string, number][] => {
      const round = rounds[target];
      const of = (name: string) => `sustained_${target}_${name}`;
      return [
        [of('offered_per_second'), rates[target]],
        [of('accepted_per_second'), Math.round(round.perSecond)],
        [of('p50_ms'), round.p50],
        [of('p99_ms'), round.p99],
        [of('error_share'), round.failed / (rates[target] * seconds)],
        [of('drain_seconds'), round.drainSeconds],
        ...[...round.processorTime].map(([process, used]): [string, number] => [
          cpuMetric(`sustained_${target}`, process),
          used,
        ]),
      ];
    }),
  );
