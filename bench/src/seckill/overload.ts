import { percentile } from '@onrush/e2e/parallel';
import type { Connection } from '../connection';
import { withConnections } from '../connections';
import { countsOf, runPatientLoad, type LoadResult } from '../load';
import type { BenchResult } from '../results';
import { sell } from '../sale';
import type { Stage } from '../stage';
import { signCrowd, type CrowdBuyer } from './crowd';
import { arrive, gatewayOf, throughGateway } from './targets';

export interface OverloadOptions {
  seconds: number;
  /** Buyers at once that keep the gateway at its peak; the others are multiples of it. */
  connections: number;
}

export interface OverloadStep {
  times: number;
  acceptedPerSecond: number;
  admittedP99: number;
  refusedPerSecond: number;
  /** 0 where nobody was refused. */
  refusedP99: number;
  oversold: number;
}

export const steps = [1, 2, 10];
/** No crowd comes within one millisecond: networks and hands spread it. */
const arrivalSeconds = 1;
/** More than anybody can sell: everybody who is admitted gets a unit. */
const mostPerSecond = 25_000;

/** One, two and ten times as many at once as the peak needs, who arrive within a second and come back when they are told to. */
export async function measureOverload(
  stage: Stage,
  { seconds, connections }: OverloadOptions,
): Promise<OverloadStep[]> {
  const people = await signCrowd(stage, mostPerSecond * seconds);
  const measured: OverloadStep[] = [];
  for (const times of steps) {
    const atOnce = times * connections;
    const one = await withConnections(gatewayOf(stage), atOnce, async (opened) => {
      await stage.step(`${people.length} buyers arrive on ${atOnce} connections`, () =>
        arrive(stage, opened, people),
      );
      return stage.step(`${times} × ${connections} at once for ${seconds} s`, async () => {
        const { load, oversold } = await rush(stage, people, { seconds, connections: opened });
        return { ...stepOf(times, load), oversold };
      });
    });
    measured.push(one);
    stage.say(
      `    ${Math.round(one.acceptedPerSecond)} purchases/s, p99 ${one.admittedP99.toFixed(1)} ms; refused ${Math.round(one.refusedPerSecond)}/s, p99 ${one.refusedP99.toFixed(1)} ms`,
    );
  }
  return measured;
}

async function rush(
  stage: Stage,
  people: CrowdBuyer[],
  { seconds, connections }: { seconds: number; connections: Connection[] },
): Promise<{ load: LoadResult; oversold: number }> {
  let load: LoadResult | undefined;
  const { oversold } = await sell(stage, {
    title: `Bench overload ${connections.length}`,
    purchases: people.length,
    rush: throughGateway(people, async (requests) => {
      load = await runPatientLoad({ connections, requests, seconds, arrivalSeconds });
      return load;
    }),
  });
  if (!load) throw new Error('nobody came');
  return { load, oversold };
}

function stepOf(times: number, load: LoadResult): Omit<OverloadStep, 'oversold'> {
  const { answered: accepted, failed: refused } = countsOf(load, 202);
  return {
    times,
    acceptedPerSecond: accepted / load.seconds,
    admittedP99: percentile(load.latencies, 0.99),
    refusedPerSecond: refused / load.seconds,
    refusedP99: load.refusalLatencies.length === 0 ? 0 : percentile(load.refusalLatencies, 0.99),
  };
}

export const overloadMetrics = (measured: OverloadStep[]): BenchResult['metrics'] =>
  Object.fromEntries(
    measured.flatMap(({ times, ...figures }) => [
      [`overload_${times}x_accepted_per_second`, Math.round(figures.acceptedPerSecond)],
      [`overload_${times}x_admitted_p99_ms`, figures.admittedP99],
      [`overload_${times}x_refused_per_second`, Math.round(figures.refusedPerSecond)],
      [`overload_${times}x_refused_p99_ms`, figures.refusedP99],
    ]),
  );
