import type { Connection } from '../connection';
import { withConnections } from '../connections';
import { runLoad } from '../load';
import type { BenchResult } from '../results';
import { describeRound, metricsOf, requestCount, sell, type SaleRound } from '../sale';
import { renewed, type Stage } from '../stage';
import { ratioOf } from '../statistics';
import { gather, gatewayOf, straightAtService, targets, throughGateway, type Target } from './targets';

export type Peak = Record<Target, SaleRound[]>;

export interface PeakOptions {
  rounds: number;
  purchases: number;
  connections: number;
}

/** Closed loop, as fast as it goes: the two targets in turn, each round a sale of its own. */
export const measurePeak = (stage: Stage, options: PeakOptions): Promise<Peak> =>
  withConnections(gatewayOf(stage), options.connections, (connections) =>
    measureRounds(stage, connections, options),
  );

async function measureRounds(
  stage: Stage,
  connections: Connection[],
  { rounds, purchases }: PeakOptions,
): Promise<Peak> {
  const { say, step } = stage;
  const runRound = roundsOn(stage, connections, purchases);
  for (const target of targets)
    await step(`warm-up, ${target}, not counted`, () => runRound(target, 0, Math.ceil(purchases / 4)));
  const measured: Peak = { gateway: [], service: [] };
  for (let number = 1; number <= rounds; number += 1) {
    for (const target of targets) {
      const round = await step(`round ${number} of ${rounds}, ${target}`, () =>
        runRound(target, number, purchases),
      );
      measured[target].push(round);
      say(`    ${describeRound(round)}`);
    }
  }
  return measured;
}

/** A sale at the peak, by number, of so many units and no more than `purchases`; whoever buys has opened the page before. */
export function roundsOn(stage: Stage, connections: Connection[], purchases: number) {
  const crowd = renewed(() => gather(stage, connections, { count: requestCount(purchases) }));
  return async (target: Target, number: number, units: number): Promise<SaleRound> => {
    const people = (await crowd()).slice(0, requestCount(units));
    return sell(stage, {
      title: `Bench round ${number} ${target}`,
      purchases: units,
      rush:
        target === 'gateway'
          ? throughGateway(people, (requests) => runLoad({ connections, requests }))
          : straightAtService(stage, people, { inFlight: connections.length }),
    });
  };
}

export function peakMetrics({ gateway, service }: Peak): BenchResult['metrics'] {
  const perSecond = (rounds: SaleRound[]) => rounds.map((round) => round.perSecond);
  return {
    ...metricsOf('gateway', gateway),
    ...metricsOf('service', service),
    gateway_to_service_ratio: ratioOf(perSecond(gateway), perSecond(service)),
  };
}
