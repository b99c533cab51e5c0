import type { Redis } from 'ioredis';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';

/** Redis, as far as rate limits need it: it answers soon, or it is gone until a probe gets through. */
export interface RedisLink {
  isUp(): boolean;
  /** The answer, or undefined where there is none within `limitMs` (at most 250): then Redis is gone. Asks nothing while it is gone. */
  ask<T>(question: () => Promise<T>, limitMs?: number): Promise<T | undefined>;
  /** Asks even then; an answer brings it back. */
  probe<T>(question: () => Promise<T>): Promise<T | undefined>;
}

/** No request waits longer for Redis, milliseconds. */
export const patienceMs = 250;

export function createRedisLink(deps: {
  redis: Redis;
  logger: Logger;
  metrics: Metrics;
  onChange: () => void;
}): RedisLink {
  const { redis, logger, onChange } = deps;
  const gauge = deps.metrics.gauge(
    'gateway_rate_limit_redis_up',
    'Whether rate limits are shared with the other gateways',
    [],
    { ofWorkers: 'min' },
  );
  let isUp = true;
  gauge.set(1);

  function become(up: boolean, error?: unknown): void {
    if (isUp === up) return;
    isUp = up;
    gauge.set(up ? 1 : 0);
    if (up) logger.info('rate limits are shared again, Redis is back');
    else logger.error('rate limits are local only, Redis is gone', { error });
    onChange();
  }

  async function answer<T>(question: () => Promise<T>, limitMs: number): Promise<T | undefined> {
    try {
      // A command for a connection that is not there would wait in a queue.
      if (redis.status !== 'ready') throw new Error(`the connection is ${redis.status}`);
      return await soon(question(), limitMs);
    } catch (error) {
      become(false, error);
      return undefined;
    }
  }

  return {
    isUp: () => isUp,
    ask: (question, limitMs = patienceMs) =>
      isUp ? answer(question, Math.min(limitMs, patienceMs)) : Promise.resolve(undefined),
    async probe(question) {
      const reply = await answer(question, patienceMs);
      if (reply !== undefined) become(true);
      return reply;
    },
  };
}

function soon<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${patienceMs} ms`));
    // Where it was this process that had no time, the answer may lie in the socket: it is read before the verdict.
    const timer = setTimeout(() => setImmediate(late), Math.max(1, limitMs));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
