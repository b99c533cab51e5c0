import { createMetrics } from '@onrush/chassis/metrics';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import type { CacheableAnswer } from '../src/cache/cacheable-answer';
import { createResponseCache, type Hit } from '../src/cache/response-cache';

export const rule = { route: 'GET /products', ttlMs: 5_000, staleMs: 10_000 };
export const json = ['Content-Type', 'application/json'];
export const answerOf = (text: string, changes: Partial<CacheableAnswer> = {}): CacheableAnswer => ({
  status: 200,
  headers: json,
  body: Buffer.from(text),
  tags: ['products'],
  ...changes,
});

/** A cache whose clock the test sets. */
export function cacheFixture(maxBytes = 1_048_576) {
  let clock = 1_000_000;
  const { logger, lines } = recordingLogger();
  const metrics = createMetrics({ service: 'test' });
  const cache = createResponseCache({ maxBytes, logger, metrics, now: () => clock });
  const valueOf = async (name: string) => {
    const { values } = (await metrics.registry.getSingleMetric(name)?.get()) ?? { values: [] };
    return values[0]?.value ?? 0;
  };
  return {
    cache,
    lines,
    metrics,
    bytes: () => valueOf('gateway_cache_bytes'),
    entries: () => valueOf('gateway_cache_entries'),
    pass: (ms: number) => (clock += ms),
  };
}

/** A service that answers when the test says so. */
export function playService() {
  const waiting: PromiseWithResolvers<CacheableAnswer>[] = [];
  return {
    load: jest.fn(() => {
      const call = Promise.withResolvers<CacheableAnswer>();
      waiting.push(call);
      return call.promise;
    }),
    async answers(answer: CacheableAnswer | Error) {
      const call = await eventually(() => waiting.shift());
      if (answer instanceof Error) call.reject(answer);
      else call.resolve(answer);
    },
  };
}

/** Loads an answer without waiting. */
export const now = (answer: CacheableAnswer) => jest.fn(() => Promise.resolve(answer));
export const textOf = (hit: Hit | Promise<Hit>) => {
  if (hit instanceof Promise) throw new Error('the answer was not at hand');
  return hit.answer.body.toString();
};
/** What has been promised by now has happened. */
export const loopTurn = () => new Promise((resolve) => setImmediate(resolve));
