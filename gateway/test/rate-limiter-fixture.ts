import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { createMetrics, type Metrics } from '@onrush/chassis/metrics';
import { createKeys, createRedis, type Keys } from '@onrush/chassis/redis';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { recordingLogger, silentLogger } from '@onrush/chassis/testing/logger';
import { deleteKeys } from '@onrush/chassis/testing/redis';
import { eventually } from '@onrush/chassis/testing/wait';
import type { Taken } from '../src/limits/class-scopes';
import type { Decision } from '../src/limits/decision';
import { limitsSchema, mergeLimits, type LimitChanges, type Limits } from '../src/limits/limits';
import { createRateLimiter, type LimiterOptions, type RateLimiter } from '../src/limits/rate-limiter';

/** One gateway's limiter, with a connection, metrics and a log of its own. */
export interface Gateway {
  limiter: RateLimiter;
  redis: Redis;
  metrics: Metrics;
  lines: Record<string, unknown>[];
  stop(): Promise<void>;
}

export interface World {
  namespace: string;
  keys: Keys;
  /** What all gateways are configured with; may be replaced. */
  limits: Limits;
  start(options?: Partial<LimiterOptions> & { url?: string }): Promise<Gateway>;
  /** Waits until these count each other alike, and have their shares. */
  settled(gateways: Gateway[]): Promise<void>;
  /** Sees what Redis is asked in this key space. */
  watch(redis: Redis): Promise<Watch>;
  stop(): Promise<void>;
}

export const unlimited = limitsSchema.parse(
  Object.fromEntries(
    limitsSchema
      .keyof()
      .options.map((name) => [name, { user: null, address: null, api_key: null, global: null }]),
  ),
);

/** Gateways that share limits in a key space of their own; their hearts beat fast. */
export function createWorld(label: string, changes: LimitChanges): World {
  const namespace = testNamespace(label);
  const keys = createKeys(namespace, 'gateway');
  const started: Gateway[] = [];
  const watches: Watch[] = [];
  const world: World = {
    namespace,
    keys,
    limits: mergeLimits(unlimited, changes),
    async start({ url = infrastructure().redisUrl, ...options } = {}) {
      const redis = createRedis({ url, name: namespace, logger: silentLogger, commandTimeoutMs: 600_000 });
      await redis.connect();
      const metrics = createMetrics({ service: 'test' });
      const { logger, lines } = recordingLogger();
      const limiter = createRateLimiter({
        redis,
        keys,
        limits: () => world.limits,
        logger,
        metrics,
        beatMs: 50,
        ...options,
      });
      await limiter.start();
      const stop = async () => {
        if (!started.includes(gateway)) return;
        started.splice(started.indexOf(gateway), 1);
        await limiter.stop();
        redis.disconnect();
      };
      const gateway = { limiter, redis, metrics, lines, stop };
      started.push(gateway);
      return gateway;
    },
    settled: (gateways) =>
      eventually(async () => {
        const counts = await Promise.all(
          gateways.map((gateway) => metric(gateway, 'gateway_rate_limit_gateways')),
        );
        return counts.every((count) => count === gateways.length);
      }).then(() => undefined),
    async watch(redis) {
      const watch = await watchCommands(redis, namespace);
      watches.push(watch);
      return watch;
    },
    async stop() {
      for (const watch of watches) watch.stop();
      for (const gateway of [...started]) await gateway.stop();
      const redis = createRedis({ url: infrastructure().redisUrl, name: namespace, logger: silentLogger });
      await deleteKeys(redis, namespace);
      await redis.quit();
    },
  };
  return world;
}

/** The value of a metric, over all labels or those that contain `labels`. */
export async function metric(
  { metrics }: Pick<Gateway, 'metrics'>,
  name: string,
  labels = '',
): Promise<number> {
  const text = await metrics.registry.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** All at the same moment. */
export const atOnce = (count: number, take: (index: number) => Taken): Promise<Decision[]> =>
  Promise.all(Array.from({ length: count }, async (_, index) => await take(index)));

/** Takes until one is refused, in turn; how many were allowed. */
export async function drain(take: () => Taken, most = 100_000): Promise<number> {
  for (let allowed = 0; allowed < most; allowed += 1) if (!(await take()).allowed) return allowed;
  return most;
}

/** Asks much faster than any limit allows, until `isOver`; returns how many were allowed in how many seconds. */
export async function flood(
  takes: () => (() => Taken)[],
  isOver: (seconds: number) => boolean,
): Promise<{ allowed: number; seconds: number }> {
  let allowed = 0;
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  while (!isOver(seconds())) {
    const now = takes();
    for (const decision of await atOnce(now.length * 40, (index) =>
      (now[index % now.length] as () => Taken)(),
    ))
      if (decision.allowed) allowed += 1;
    await nextTurn();
  }
  return { allowed, seconds: seconds() };
}

export interface Watch {
  /** Commands of scripts whose key contains this text, so far. */
  scriptsOn(part: string): Promise<number>;
  stop(): void;
}

/** On a bare socket: the client takes a line that comes before the answer to MONITOR for a reply nobody asked for. */
async function watchCommands(redis: Redis, namespace: string): Promise<Watch> {
  const { hostname, port } = new URL(infrastructure().redisUrl);
  const socket = net.connect(Number(port), hostname);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('MONITOR\r\n');
  let marks = 0;
  const reachMark = async () => {
    const mark = `${namespace}-mark-${(marks += 1)}`;
    await eventually(async () => {
      await redis.echo(mark);
      return text.includes(mark);
    });
  };
  await reachMark();
  return {
    async scriptsOn(part) {
      await reachMark();
      const lines = text.split('\n').filter((line) => line.includes(namespace) && line.includes(part));
      return lines.filter((line) => / "eval(sha)?" /i.test(line)).length;
    },
    stop: () => void socket.destroy(),
  };
}

export interface Proxy {
  url: string;
  /** Nothing comes through, and nothing is closed. */
  hang(): void;
  resume(): void;
  /** Connections break, and new ones are refused. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  stop(): Promise<void>;
}

/** Stands between a gateway and Redis. */
export async function startProxy(): Promise<Proxy> {
  const target = new URL(infrastructure().redisUrl);
  const pairs = new Set<[net.Socket, net.Socket]>();
  let isHanging = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    const pair: [net.Socket, net.Socket] = [client, upstream];
    pairs.add(pair);
    client.pipe(upstream).pipe(client);
    if (isHanging) upstream.pause();
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        pair.forEach((other) => other.destroy());
      });
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as net.AddressInfo;
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const pair of pairs) pair.forEach((socket) => socket.destroy());
    });
  return {
    url: `redis://127.0.0.1:${port}`,
    hang() {
      isHanging = true;
      for (const [client, upstream] of pairs) upstream.unpipe(client).pause();
    },
    resume() {
      isHanging = false;
      for (const [client, upstream] of pairs) upstream.pipe(client);
    },
    cut,
    mend: () => listen(port),
    stop: () => (server.listening ? cut() : Promise.resolve()),
  };
}
