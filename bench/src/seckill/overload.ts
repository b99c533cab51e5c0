import { percentile } from '@onrush/e2e/parallel';
import type { Connection } from '../connection';
import { withConnections } from '../connections';
import { countsOf, runPatientLoad, together, type LoadResult, type PatientResult } from '../load';
import type { BenchResult } from '../results';
import { sell } from '../sale';
import type { Stage } from '../stage';
import { signCrowd, type CrowdBuyer } from './crowd';
import { arrive, gatewayOf, throughGateway } from './targets';

export interface OverloadOptions {
  /** After all have arrived. */
  seconds: number;
  /** Buyers at once that keep the gateway at its peak; the others are multiples of it. */
  connections: number;
}

interface Waits {
  admittedP99: number;
  /** 0 where nobody was refused. */
  refusedP99: number;
}

export interface OverloadStep extends Waits {
  times: number;
  acceptedPerSecond: number;
  refusedPerSecond: number;
  /** Of those who came in the second in which the crowd arrived; all other figures are of what came after it. */
  arriving: Waits;
  oversold: number;
}

export const steps = [1, 2, 10];
/** No crowd comes within one millisecond: networks and hands spread it. */
const arrivalSeconds = 1;
/** More than anybody can sell: everybody who is admitted gets a unit. */
const mostPerSecond = 25_000;

/**
 * One, two and ten times as many at once as the peak needs, who arrive within a second and come back when they are told to. While they arrive the
 * gateway finds out how many it may let in: that second is told apart.
 */
export async function measureOverload(
  stage: Stage,
  { seconds, connections }: OverloadOptions,
): Promise<OverloadStep[]> {
  const people = await signCrowd(stage, mostPerSecond * (arrivalSeconds + seconds));
  const measured: OverloadStep[] = [];
  for (const times of steps) {
    const atOnce = times * connections;
    const one = await withConnections(gatewayOf(stage), atOnce, async (opened) => {
      await stage.step(`${people.length} buyers arrive on ${atOnce} connections`, () =>
        arrive(stage, opened, people),
      );
      return stage.step(`${times} × ${connections} at once for ${seconds} s`, async () => {
        const { load, oversold } = await rush(stage, people, { seconds, connections: opened });
        return { times, ...figuresOf(load), oversold };
      });
    });
    measured.push(one);
    stage.say(
      `    ${Math.round(one.acceptedPerSecond)} purchases/s, p99 ${one.admittedP99.toFixed(1)} ms; refused ${Math.round(one.refusedPerSecond)}/s, p99 ${one.refusedP99.toFixed(1)} ms; while they arrived p99 ${one.arriving.admittedP99.toFixed(1)} and ${one.arriving.refusedP99.toFixed(1)} ms`,
    );
  }
  return measured;
}

async function rush(
  stage: Stage,
  people: CrowdBuyer[],
  { seconds, connections }: { seconds: number; connections: Connection[] },
): Promise<{ load: PatientResult; oversold: number }> {
  let load: PatientResult | undefined;
  const { oversold } = await sell(stage, {
    title: `Bench overload ${connections.length}`,
    purchases: people.length,
    rush: throughGateway(people, async (requests) => {
      load = await runPatientLoad({ connections, requests, seconds, arrivalSeconds });
      return together(load.arriving, load.arrived);
    }),
  });
  if (!load) throw new Error('nobody came');
  return { load, oversold };
}

function figuresOf({ arriving, arrived }: PatientResult): Omit<OverloadStep, 'times' | 'oversold'> {
  const { answered: accepted, failed: refused } = countsOf(arrived, 202);
  return {
    acceptedPerSecond: accepted / arrived.seconds,
    refusedPerSecond: refused / arrived.seconds,
    ...waitsOf(arrived),
    arriving: waitsOf(arriving),
  };
}

const waitsOf = ({ latencies, refusalLatencies }: LoadResult): Waits => ({
  admittedP99: percentile(latencies, 0.99),
  refusedP99: percentile(refusalLatencies, 0.99),
});

export const overloadMetrics = (measured: OverloadStep[]): BenchResult['metrics'] =>
  Object.fromEntries(
    measured.flatMap(({ times, ...figures }) => [
      [`overload_${times}x_accepted_per_second`, Math.round(figures.acceptedPerSecond)],
      [`overload_${times}x_admitted_p99_ms`, figures.admittedP99],
      [`overload_${times}x_refused_per_second`, Math.round(figures.refusedPerSecond)],
      [`overload_${times}x_refused_p99_ms`, figures.refusedP99],
      [`overload_${times}x_arriving_admitted_p99_ms`, figures.arriving.admittedP99],
      [`overload_${times}x_arriving_refused_p99_ms`, figures.arriving.refusedP99],
    ]),
  );
