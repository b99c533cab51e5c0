import { setTimeout as wait } from 'node:timers/promises';
import { withConnections } from '../connections';
import { countsOf, runTimedLoad } from '../load';
import type { BenchResult } from '../results';
import { round, slopeOf, spreadOf, type Spread } from '../statistics';
import { readConnections, type Bench } from './readers';

export interface MemorySample {
  minute: number;
  rssMib: number;
  heapMib: number;
}
export interface Memory {
  minutes: number;
  samples: MemorySample[];
  perSecond: number;
  failed: number;
}

const sampleEveryMs = 5_000;
const mebibyte = 2 ** 20;

/** Proxied and cached GETs in turn, as many as the gateway answers, and its memory every five seconds. */
export async function measureMemory(bench: Bench, minutes: number): Promise<Memory> {
  const { systems, stage } = bench;
  const requests = await mixedRequests(bench);
  const samples: MemorySample[] = [];
  const began = performance.now();
  const minute = () => (performance.now() - began) / 60_000;
  let isOver = false;
  const load = withConnections(systems.at.gateway, readConnections, (connections) =>
    runTimedLoad({ connections, requests, seconds: minutes * 60 }),
  ).finally(() => (isOver = true));

  let nextLine = 1;
  for (;;) {
    await Promise.race([load, wait(sampleEveryMs)]);
    if (isOver) break;
    const sample = { minute: minute(), ...(await sampleOf(systems.managementUrl)) };
    samples.push(sample);
    systems.trimLogs();
    if (sample.minute < nextLine) continue;
    nextLine += 1;
    stage.say(
      `    after ${Math.floor(sample.minute)} min: RSS ${sample.rssMib} MiB, heap ${sample.heapMib} MiB`,
    );
    // Tokens end while the load goes on: those who read on have logged in again.
    (await mixedRequests(bench)).forEach((request, index) => (requests[index] = request));
  }
  const result = await load;
  const { answered, failed } = countsOf(result, 200);
  return { minutes, samples, perSecond: answered / result.seconds, failed };
}

async function mixedRequests({ readers }: Bench) {
  const { requestsFor } = await readers();
  const cached = requestsFor('gateway_cached');
  return requestsFor('gateway').flatMap((request, index) => [
    request,
    cached[index % cached.length] ?? request,
  ]);
}

async function sampleOf(managementUrl: string): Promise<Omit<MemorySample, 'minute'>> {
  const text = await (await fetch(`${managementUrl}/metrics`)).text();
  const mib = (name: string) => round(valueOf(text, name) / mebibyte);
  return { rssMib: mib('process_resident_memory_bytes'), heapMib: mib('nodejs_heap_size_used_bytes') };
}

/** The value of a metric without labels of its own, in Prometheus' text format; throws where there is none. */
export function valueOf(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  if (line === undefined) throw new Error(`the gateway has no metric ${name}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/**
 * The medians of the three thirds, and the slope over the last two: the first third is when code is compiled and maps fill. Memory is flat when
 * the median of the last third is at most 1.1 times that of the middle one.
 */
export function memoryMetrics({ minutes, samples, perSecond }: Memory): BenchResult['metrics'] {
  const thirds = [0, 1, 2].map((third) =>
    samples.slice(Math.floor((samples.length * third) / 3), Math.floor((samples.length * (third + 1)) / 3)),
  );
  const [first = [], middle = [], last = []] = thirds;
  const of = (name: 'rss' | 'heap', pick: (sample: MemorySample) => number): BenchResult['metrics'] => {
    const spread = (third: MemorySample[]): Spread => spreadOf(third.map(pick));
    const settled = [...middle, ...last].map((sample) => ({ x: sample.minute, y: pick(sample) }));
    return {
      [`memory_${name}_first_third_mib`]: spread(first),
      [`memory_${name}_middle_third_mib`]: spread(middle),
      [`memory_${name}_last_third_mib`]: spread(last),
      [`memory_${name}_slope_mib_per_minute`]: slopeOf(settled),
      [`memory_${name}_last_to_middle_third`]: round(spread(last).median / spread(middle).median),
    };
  };
  return {
    memory_minutes: minutes,
    memory_requests_per_second: round(perSecond),
    ...of('rss', (sample) => sample.rssMib),
    ...of('heap', (sample) => sample.heapMib),
  };
}
