import type { ClientReadableStream } from '@grpc/grpc-js';
import type { Discovery, Instance } from '@onrush/chassis/discovery';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';

export interface AuthFeedOptions<Message> {
  /** As it stands in the log: `revocations`. */
  name: string;
  discovery: Discovery;
  open: (instance: Instance) => Promise<ClientReadableStream<Message>>;
  /** True where the receiver is up to date from this message on. */
  receive: (message: Message) => boolean;
  /** Its gauge: 1 while the feed is up to date. */
  gauge: string;
  logger: Logger;
  metrics: Metrics;
  /** A stream that says nothing for so long is given up: auth-service sends something each second. */
  silenceLimitMs?: number | undefined;
  /** How long `start` waits for the first complete state. */
  startLimitMs?: number | undefined;
}

const service = 'auth-service';
const defaultSilenceLimitMs = 4_000;
const defaultStartLimitMs = 30_000;
/** Half of each is chance, so that all gateways do not come at once. */
const firstRetryMs = 200;
const lastRetryMs = 2_000;

/**
 * One long-lived stream from some instance of auth-service, opened again elsewhere when it breaks or falls silent. `start` resolves when the
 * receiver is up to date for the first time, and throws after its limit: without what the feed tells, the gateway must not open.
 */
export function createAuthFeed<Message>(options: AuthFeedOptions<Message>): Component {
  const { name, discovery, logger } = options;
  const connected = options.metrics.gauge(options.gauge, `Whether the feed of ${name} is up to date`, [], {
    ofWorkers: 'min',
  });
  const silenceLimitMs = options.silenceLimitMs ?? defaultSilenceLimitMs;
  const startLimitMs = options.startLimitMs ?? defaultStartLimitMs;
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => undefined);
  let stream: ClientReadableStream<Message> | undefined;
  let lastInstance: string | undefined;
  let failures = 0;
  let isUpToDate = false;
  let isLost = false;
  let isStopped = false;
  let retry: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    // The one that failed last is asked again only where there is no other.
    const instance = pickOther(discovery.instances(service), lastInstance);
    if (!instance) return lose(new Error(`no instance of ${service} is known`));
    lastInstance = instance.id;
    const opened = await options.open(instance);
    const broken = (error?: unknown) => {
      if (stream === opened) lose(error);
    };
    opened.on('error', broken);
    opened.on('end', broken);
    if (isStopped) return opened.cancel();
    stream = opened;
    silence = setTimeout(() => broken(new Error(`silent for ${silenceLimitMs} ms`)), silenceLimitMs);
    opened.on('data', (message: Message) => {
      if (stream !== opened) return;
      silence?.refresh();
      if (options.receive(message)) arrive(instance);
    });
  }

  function arrive(instance: Instance): void {
    if (isUpToDate) return;
    isUpToDate = true;
    failures = 0;
    connected.set(1);
    if (isLost) logger.info('feed of auth-service is back', { feed: name, instance: instance.id });
    isLost = false;
    first.resolve();
  }

  function lose(error: unknown): void {
    clearTimeout(silence);
    const broken = stream;
    stream = undefined;
    // Its own cancellation comes as an error, too.
    broken?.cancel();
    isUpToDate = false;
    connected.set(0);
    if (isStopped) return;
    if (!isLost) logger.warn('feed of auth-service lost', { feed: name, instance: lastInstance, error });
    isLost = true;
    const longestMs = Math.min(firstRetryMs * 2 ** failures, lastRetryMs);
    failures = Math.min(failures + 1, 10);
    retry = setTimeout(reconnect, (longestMs * (1 + Math.random())) / 2);
  }

  const reconnect = () => void connect().catch(lose);

  return {
    name: `feed of ${name}`,
    async start() {
      connected.set(0);
      const until = Date.now() + startLimitMs;
      await discovery.waitFor(service, startLimitMs);
      const limit = setTimeout(
        () => first.reject(new Error(`${service} has not told its ${name} within ${startLimitMs} ms`)),
        Math.max(until - Date.now(), 0),
      );
      if (!isStopped) reconnect();
      try {
        await first.promise;
      } finally {
        clearTimeout(limit);
      }
    },
    stop() {
      isStopped = true;
      clearTimeout(retry);
      lose(undefined);
      first.reject(new Error(`the feed of ${name} was stopped`));
      return Promise.resolve();
    },
  };
}

function pickOther(instances: Instance[], lastInstance: string | undefined): Instance | undefined {
  const others = instances.filter(({ id }) => id !== lastInstance);
  const candidates = others.length > 0 ? others : instances;
  return candidates[Math.floor(Math.random() * candidates.length)];
}
