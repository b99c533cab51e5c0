import { EventEmitter } from 'node:events';
import type { Instance } from '@onrush/chassis/discovery';
import { createStaticDiscovery } from '@onrush/chassis/discovery';
import { isAppError } from '@onrush/chassis/errors';
import { createMetrics } from '@onrush/chassis/metrics';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import type { BuyRequest } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { createBuyStreams } from '../src/upstream/buy-streams';

/** One stream as seckill-service sees it. */
export class PlayedStream extends EventEmitter {
  received: BuyRequest[] = [];
  isCancelled = false;
  constructor(readonly instance: Instance) {
    super();
  }
  write({ requests }: { requests: BuyRequest[] }) {
    this.received.push(...requests);
  }
  end() {
    this.emit('end');
  }
  cancel() {
    this.isCancelled = true;
    process.nextTick(() => this.emit('error', new Error('cancelled')));
  }
  /** Answers the newest purchase that has come. */
  answer(reply: object = { orderNo: '1' }) {
    const { callId } = this.received.at(-1) as BuyRequest;
    this.emit('data', { replies: [{ callId, ...reply }] });
  }
}

export const instance = (id: string, changes: Partial<Instance> = {}): Instance => ({
  id,
  service: 'seckill-service',
  address: '10.0.0.1',
  httpPort: 1,
  grpcPort: 2,
  version: '1.0.0',
  canary: false,
  ...changes,
});

export const timeoutMs = 500;

/** Streams to played instances; the clock is the test's. */
export async function startStreams(...first: Instance[]) {
  const opened: PlayedStream[] = [];
  const outcomes: string[] = [];
  /** What opening waits for; at once unless a test says otherwise. */
  const gate = { connect: () => Promise.resolve() };
  const { logger, lines } = recordingLogger();
  let list: (instances: Instance[]) => void = () => undefined;
  const streams = createBuyStreams({
    client: {
      openStream: async (_method: string, to: Instance) => {
        await gate.connect();
        const stream = new PlayedStream(to);
        opened.push(stream);
        return stream;
      },
    } as never,
    discovery: {
      ...createStaticDiscovery({}),
      onChange: (_service, listener) => {
        list = listener;
        listener(first);
        return () => undefined;
      },
    },
    watch: {
      started: () => undefined,
      observe: (of, outcome) => void outcomes.push(`${of.version} ${outcome}`),
    },
    logger,
    metrics: createMetrics({ service: 'test' }),
  });
  await streams.start();
  const newest = (id: string) => opened.findLast((stream) => stream.instance.id === id) as PlayedStream;
  /** A purchase; what comes of it is `code` and `retryAfter`, or `orderNo`. */
  function buy(idempotencyKey = '') {
    const result: { code?: number; retryAfter?: number | undefined; orderNo?: string; version?: string } = {};
    const request = { activityId: '1', userId: '2', quantity: 1, idempotencyKey, purchaseToken: '' };
    streams.submit(request, { preference: [({ canary }) => !canary], timeoutMs }, (answer, version) => {
      if (version !== undefined) result.version = version;
      if (!isAppError(answer)) result.orderNo = String(answer.orderNo);
      else {
        result.code = answer.code;
        result.retryAfter = answer.retryAfterSeconds;
      }
    });
    return result;
  }
  return {
    streams,
    opened,
    outcomes,
    gate,
    lines,
    newest,
    list: (...instances: Instance[]) => list(instances),
    buy,
    /** Which instance the next purchase goes to; it is answered well. */
    async served() {
      const before = new Map(opened.map((stream) => [stream, stream.received.length]));
      buy();
      await jest.advanceTimersByTimeAsync(2);
      const stream = opened.find((each) => each.received.length > (before.get(each) ?? 0));
      stream?.answer();
      return stream?.instance.id;
    },
  };
}
