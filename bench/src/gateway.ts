import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../deploy/local/paths';
import { nginxVersion, provideNginx } from '../../deploy/local/tools/nginx';
import { writeCapacityPage } from './capacity-page';
import { latencyMetrics, measureLatency, type Latency } from './gateway/latency';
import { measureMemory, memoryMetrics, type Memory } from './gateway/memory';
import { measurePurchases, purchaseMetrics, type Purchases } from './gateway/purchases';
import { createReaders, readConnections, readerCount, type Bench } from './gateway/readers';
import { gatewayReport } from './gateway/report';
import { startSystems } from './gateway/systems';
import { halfLoadOf, measureThroughput, throughputMetrics, type Throughput } from './gateway/throughput';
import { newResult, writeResult, type BenchResult } from './results';
import { overask, soldWrongly } from './sale';
import { onStage, step } from './stage';
import { versionsOf } from './versions';

export interface GatewayOptions {
  rounds: number;
  /** Of load on one target in one round. */
  seconds: number;
  purchases: number;
  buyers: number;
  connections: number;
  memoryMinutes: number;
}

interface Measured {
  throughput: Throughput;
  requestsPerSecond: number;
  latency: Latency;
  purchases: Purchases;
  memory: Memory | undefined;
}

/** The gateway beside nginx and bare http-proxy-middleware: throughput, purchases, added latency, memory. */
export async function benchGateway(options: GatewayOptions): Promise<void> {
  const nginx = await step('finding nginx', () => provideNginx());
  await onStage({}, async (stage) => {
    const systems = await stage.step('starting the systems under test', () =>
      startSystems(stage, { nginx, buyConnections: options.connections }),
    );
    try {
      const bench: Bench = { stage, systems, readers: createReaders(stage, systems) };
      const measured = await measureAll(bench, options);
      refuseFailures(measured);
      const versions = { ...(await versionsOf(stage.servers)), ...versionsOfSystems(nginx) };
      const result = resultOf(options, measured, versions);
      const file = writeResult(result);
      stage.say(`\n${gatewayReport(result)}`);
      stage.say(`written: ${file}, ${writeCapacityPage()}`);
    } finally {
      await systems.stop();
    }
  });
}

async function measureAll(bench: Bench, options: GatewayOptions): Promise<Measured> {
  const { rounds, seconds, memoryMinutes } = options;
  const throughput = await measureThroughput(bench, { rounds, seconds });
  const requestsPerSecond = halfLoadOf(throughput);
  const latency = await measureLatency(bench, { rounds, seconds, requestsPerSecond });
  const purchases = await measurePurchases(bench, options);
  const memory =
    memoryMinutes === 0
      ? undefined
      : await bench.stage.step(`memory, ${memoryMinutes} min of load`, () =>
          measureMemory(bench, memoryMinutes),
        );
  return { throughput, requestsPerSecond, latency, purchases, memory };
}

/** A figure of a target that failed to answer is none. */
function refuseFailures({ throughput, latency, purchases, memory }: Measured): void {
  const reads = [...Object.values(throughput), ...Object.values(latency)].flat();
  const failed = [...reads, ...(memory ? [memory] : [])].reduce((sum, round) => sum + round.failed, 0);
  if (failed > 0) throw new Error(`${failed} requests had no answer, or another than 200`);
  if ([...purchases.nginx, ...purchases.gateway].some(soldWrongly))
    throw new Error('a round oversold, or left purchases unanswered');
}

function versionsOfSystems(nginx: string): Record<string, string> {
  const versionOf = (name: string): string => {
    const file = path.join(root, 'node_modules', name, 'package.json');
    return existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
      : 'unknown';
  };
  return {
    nginx: nginxVersion(nginx),
    express: versionOf('express'),
    'http-proxy-middleware': versionOf('http-proxy-middleware'),
  };
}

const resultOf = (
  options: GatewayOptions,
  measured: Measured,
  versions: Record<string, string>,
): BenchResult =>
  newResult({
    name: 'gateway',
    versions,
    rounds: options.rounds,
    metrics: {
      ...throughputMetrics(measured.throughput),
      ...latencyMetrics(measured.latency, measured.requestsPerSecond),
      ...purchaseMetrics(measured.purchases),
      ...(measured.memory && memoryMetrics(measured.memory)),
    },
    conditions: conditionsOf(options),
  });

const conditionsOf = ({ seconds, purchases, buyers, connections }: GatewayOptions): string[] => [
  'everything on one machine: load generator, systems under test, their upstream, and a whole fleet with its servers, which is idle but for log-ins and purchases; all systems live at once, one at a time has load, and each round begins with another one; ratios are taken within a round',
  `reads: ${readConnections} keep-alive connections in a closed loop, ${seconds} s for each target in a round, after as long a warm-up that is not counted; ${readerCount} users with an access token each, the same bytes for every target; the cached page is asked without a token`,
  'upstream: one process, half a kilobyte of JSON, on raw sockets like the load generator, so that neither is the bottleneck of what is between them',
  'gateway: one process of the built gateway with token check, rate limits (too high to refuse), canary choice between two instances, metrics and an access log of every request; real Redis, keys and services of the fleet behind it, found by static discovery; two services are the upstream',
  'nginx: `proxy_pass` with kept-alive upstream connections and nothing else, no log; one worker, because the others are one process, too; with a worker a core beside it',
  'bare http-proxy-middleware: on Express 5, a fixed target, a keep-alive agent, `X-Forwarded-*`, no log',
  'latency: an open loop at half of what the slowest target answers, the same rate for all; it counts from the moment a request was due, and what a target adds is its percentile less that of the upstream alone in the same round',
  `purchases: ${connections} keep-alive connections in a closed loop; ${purchases} units a round and ${overask * 100} % more requests than units, by ${buyers} buyers; a new activity each round; both sides in front of the same seckill-service; each buyer opened the page before the sale, so that every token has been checked once`,
  'purchases through nginx: nobody checks access tokens or limits there, so requests carry the internal token of their user, made beforehand with the gateway’s key; the gateway sends its purchases on one gRPC stream',
  'accepted = answered 202, and found as a reservation and as an order in MySQL afterwards; µs are processor time a request or purchase, of nginx that of its workers, too',
];
