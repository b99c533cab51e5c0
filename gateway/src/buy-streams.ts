import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Discovery, Instance } from '@onrush/chassis/discovery';
import type { AppError } from '@onrush/chassis/errors';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { seckillService } from '@onrush/proto';
import type { BuyBatch } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { pickVersion } from './canary';
import { errors } from './errors';

type BuyStream = ClientDuplexStream<BuyBatch, BuyBatchReply__Output>;
type Answer = (answer: BuyReply__Output | AppError) => void;

interface Waiting {
  answer: Answer;
  until: number;
}

/** One instance of seckill-service, and the purchases that wait for it. */
interface Line {
  instance: Instance;
  stream: BuyStream | undefined;
  waiting: Map<number, Waiting>;
  outgoing: BuyRequest[];
  reopenAt: number;
  sentAt: number;
}

export interface BuyStreams extends Component {
  /**
   * Calls `answer` exactly once: later, after it returned the version that is asked; at once, where there is none to ask. Purchases of the same turn
   * of the loop leave as one message.
   */
  submit(request: Omit<BuyRequest, 'callId'>, canary: string | undefined, answer: Answer): string | undefined;
}

const reopenMs = 200;
const checkMs = 100;
const betweenMessagesMs = 1;

/**
 * One long-lived BuyStream to each instance of seckill-service. A broken stream fails all that wait on it, retryably: whether they were
 * decided is unknown, and the same Idempotency-Key finds out without buying twice.
 */
export function createBuyStreams(options: {
  client: GrpcClient<typeof seckillService>;
  discovery: Discovery;
  timeoutMs: number;
  logger: Logger;
  metrics: Metrics;
}): BuyStreams {
  const { client, discovery, timeoutMs, logger } = options;
  const lines = new Map<string, Line>();
  /** Of instances that have left: what they still owe an answer. */
  const leaving = new Set<Line>();
  const batches = options.metrics.counter(
    'gateway_buy_batches_total',
    'Messages sent on the purchase streams',
  );
  const purchases = options.metrics.counter(
    'gateway_buy_requests_total',
    'Purchases sent on the purchase streams',
  );
  let nextCallId = 1;
  let timer: NodeJS.Timeout | undefined;
  let stopWatching = () => undefined as void;

  async function open(line: Line): Promise<void> {
    line.reopenAt = Date.now() + reopenMs;
    const stream = (await client.openStream('BuyStream', line.instance)) as BuyStream;
    line.stream = stream;
    stream.on('data', ({ replies }: BuyBatchReply__Output) => {
      for (const reply of replies) settle(line, reply.callId, reply);
    });
    const broken = (error?: unknown) => {
      if (line.stream !== stream) return;
      line.stream = undefined;
      if (lines.get(line.instance.id) === line)
        logger.warn('purchase stream broken', {
          instance: line.instance.id,
          waiting: line.waiting.size,
          error,
        });
      failAll(line);
    };
    stream.on('error', broken);
    stream.on('end', broken);
  }

  function settle(line: Line, callId: number, answer: BuyReply__Output | AppError): void {
    const waiting = line.waiting.get(callId);
    line.waiting.delete(callId);
    waiting?.answer(answer);
  }

  function failAll(line: Line): void {
    line.outgoing = [];
    for (const callId of [...line.waiting.keys()])
      settle(line, callId, errors.upstreamFailed({ retryAfterSeconds: 1 }));
  }

  function update(instances: Instance[]): void {
    const alive = new Set(instances.map((instance) => instance.id));
    for (const [id, line] of lines) {
      if (alive.has(id)) continue;
      lines.delete(id);
      leaving.add(line);
      send(line);
      line.stream?.end();
    }
    for (const instance of instances) {
      if (!lines.has(instance.id))
        lines.set(instance.id, {
          instance,
          stream: undefined,
          waiting: new Map(),
          outgoing: [],
          reopenAt: 0,
          sentAt: 0,
        });
    }
    check();
  }

  /** Opens what is closed, and gives up what has waited too long. */
  function check(): void {
    const now = Date.now();
    for (const line of lines.values()) {
      if (!line.stream && now >= line.reopenAt)
        open(line).catch((error: unknown) => logger.warn('purchase stream not opened', { error }));
      giveUpLate(line, now);
    }
    for (const line of leaving) {
      giveUpLate(line, now);
      if (line.waiting.size === 0) leaving.delete(line);
    }
  }

  function giveUpLate(line: Line, now: number): void {
    for (const [callId, waiting] of line.waiting) {
      // Oldest first: the first that may still wait ends the search.
      if (waiting.until > now) break;
      settle(line, callId, errors.deadlineExceeded({ retryAfterSeconds: 1 }));
    }
  }

  function leastWaiting(allowed: (instance: Instance) => boolean): Line | undefined {
    let best: Line | undefined;
    for (const line of lines.values())
      if (line.stream && allowed(line.instance) && (!best || line.waiting.size < best.waiting.size))
        best = line;
    return best;
  }

  function send(line: Line): void {
    const requests = line.outgoing;
    line.outgoing = [];
    if (!line.stream || requests.length === 0) return;
    line.sentAt = performance.now();
    line.stream.write({ requests });
    batches.inc();
    purchases.inc(requests.length);
  }

  return {
    name: 'purchase streams',
    start: () => {
      stopWatching = discovery.onChange('seckill-service', update);
      timer = setInterval(check, checkMs);
      return Promise.resolve();
    },
    stop: () => {
      stopWatching();
      clearInterval(timer);
      for (const line of [...lines.values(), ...leaving]) {
        line.stream?.cancel();
        failAll(line);
      }
      lines.clear();
      leaving.clear();
      return Promise.resolve();
    },
    submit(request, canary, answer) {
      const line = pickVersion(canary, leastWaiting);
      if (!line) {
        answer(errors.upstreamFailed({ retryAfterSeconds: 1 }));
        return undefined;
      }
      const { version } = line.instance;
      const callId = nextCallId;
      // Numbers come round long after their first use is answered or given up.
      nextCallId = (nextCallId + 1) % 2 ** 32;
      line.waiting.set(callId, { answer, until: Date.now() + timeoutMs });
      if (line.outgoing.push({ ...request, callId }) > 1) return version;
      // A message costs as much as ten purchases in it: under load one leaves every millisecond, else at once.
      if (performance.now() - line.sentAt < betweenMessagesMs) setTimeout(send, betweenMessagesMs, line);
      else setImmediate(send, line);
      return version;
    },
  };
}
