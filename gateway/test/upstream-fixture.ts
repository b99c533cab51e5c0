import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { createBalancer } from '@onrush/chassis/balancer';
import { createStaticDiscovery, type Discovery, type Instance } from '@onrush/chassis/discovery';
import { isAppError } from '@onrush/chassis/errors';
import { createMetrics } from '@onrush/chassis/metrics';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { createCircuitBreaker } from '../src/upstream/circuit-breaker';
import { createRetryBudget } from '../src/upstream/retry-budget';
import { createUpstreams } from '../src/upstream/upstream';
import type { Client, UpstreamCall } from '../src/upstream/upstream-call';

/** One instance of the upstream, on a real port. */
export interface Backend {
  instance: Instance;
  /** Requests that arrived. */
  seen: IncomingMessage[];
  /** Ends as a killed process does: nothing more is accepted, everything open is reset. */
  kill(): void;
}

export interface UpstreamFixture {
  backend(handle: RequestListener): Promise<Backend>;
  /** An instance whose port nobody listens on. */
  nobody(): Promise<Instance>;
  /** What discovery knows from now on. */
  known(...instances: Instance[]): void;
  forward(call?: Partial<UpstreamCall>): ReturnType<ReturnType<typeof createUpstreams>['forward']>;
  /** A gateway before it, which does nothing but forward: its port. */
  front(call?: (request: IncomingMessage) => Partial<UpstreamCall>): Promise<number>;
  /** What the front answers with. */
  answering: ServerResponse[];
  lines: Record<string, unknown>[];
  /** The value of a metric whose line starts so. */
  metric(start: string): Promise<number>;
  stop(): Promise<void>;
}

export async function createUpstreamFixture(
  options: { slowClientMs?: number } = {},
): Promise<UpstreamFixture> {
  const closers: (() => unknown)[] = [];
  const answering: ServerResponse[] = [];
  const discovery = changingDiscovery();
  const metrics = createMetrics({ service: 'test' });
  const { logger, lines } = recordingLogger();
  const now = () => performance.now();
  const upstreams = createUpstreams({
    names: ['shop'],
    discovery,
    balancerOf: (name) => createBalancer(discovery, name),
    breakerOf: (upstream) => createCircuitBreaker({ upstream, now, metrics, logger }),
    budgetOf: () => createRetryBudget({ now }),
    watch: { started: () => undefined, observe: () => undefined },
    metrics,
    ...options,
  });
  await upstreams.start();
  const call = (given: Partial<UpstreamCall> = {}): UpstreamCall => {
    const plain = { upstream: 'shop', method: 'GET', path: '/', headers: [], body: null, timeoutMs: 5_000 };
    const isGet = (given.method ?? 'GET') === 'GET';
    return { ...plain, priority: 'normal', idempotent: isGet, ...given };
  };

  async function listen(handle: RequestListener) {
    const server = createServer({ keepAliveTimeout: 65_000 }, handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const kill = () => {
      server.close();
      server.closeAllConnections();
    };
    closers.push(kill);
    return { port: (server.address() as AddressInfo).port, kill };
  }

  async function forwardTo(response: ServerResponse, given: Partial<UpstreamCall>): Promise<void> {
    const client = newClient();
    answering.push(response);
    response.once('close', () => client.leave());
    try {
      const answer = await upstreams.forward(call({ client, ...given }));
      answer.pipeTo(response, answer.headers);
    } catch (error) {
      const known = isAppError(error) ? error : undefined;
      response.writeHead(known?.httpStatus ?? 500).end();
    }
  }

  return {
    async backend(handle) {
      const seen: IncomingMessage[] = [];
      const { port, kill } = await listen((request, response) => {
        seen.push(request);
        handle(request, response);
      });
      return { instance: instanceAt(port), seen, kill };
    },
    async nobody() {
      const { port, kill } = await listen(() => undefined);
      kill();
      return instanceAt(port);
    },
    known: (...instances) => discovery.set(instances),
    forward: (given) => upstreams.forward(call(given)),
    async front(given = () => ({})) {
      const { port } = await listen((request, response) => void forwardTo(response, given(request)));
      return port;
    },
    answering,
    lines,
    async metric(start) {
      const text = await metrics.registry.metrics();
      const line = text.split('\n').find((each) => each.startsWith(start));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
    async stop() {
      await upstreams.stop();
      for (const close of closers) close();
    },
  };
}

const instanceAt = (port: number): Instance => ({
  id: `shop-${port}`,
  service: 'shop',
  address: '127.0.0.1',
  httpPort: port,
  grpcPort: 0,
  version: '1.0.0',
  canary: false,
});

function changingDiscovery(): Discovery & { set(instances: Instance[]): void } {
  let known: Instance[] = [];
  const listeners = new Set<(instances: Instance[]) => void>();
  return {
    ...createStaticDiscovery({}),
    instances: () => known,
    onChange(_service, listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(instances) {
      known = instances;
      for (const listener of listeners) listener(known);
    },
  };
}

/** A client of the front: resolves with the head; the body is not read by itself. */
export function get(port: number, options: { method?: string; body?: Readable } = {}) {
  const agent = new Agent({ keepAlive: false });
  const request = httpRequest({ port, host: '127.0.0.1', agent, method: options.method ?? 'GET' });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  if (options.body) options.body.pipe(request);
  else request.end();
  return { request, response };
}

/** All of a body; rejects when it breaks off. */
export async function read(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One that waits for an answer, and may go away. */
export function newClient(): Client & { leave(): void } {
  return {
    isGone: false,
    waiter: undefined,
    leave() {
      this.isGone = true;
      this.waiter?.clientGone();
    },
  };
}
