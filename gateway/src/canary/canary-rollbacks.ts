import type { Redis } from 'ioredis';
import type { Logger } from '@onrush/chassis/logger';
import type { Keys } from '@onrush/chassis/redis';
import { z } from 'zod';

const rollback = z.object({
  /** Of the rules that were broken; other rules are another chance. */
  fingerprint: z.string(),
  /** That answered badly. */
  version: z.string(),
  reason: z.enum(['errors', 'latency']),
  /** RFC 3339. */
  at: z.string(),
});
export type Rollback = z.output<typeof rollback>;

/** The rollbacks of all gateways, by upstream: one hash in Redis. */
export interface SharedRollbacks {
  /** Undefined while Redis is away: what was known holds. */
  read(): Promise<Map<string, Rollback> | undefined>;
  put(upstream: string, rollback: Rollback): Promise<void>;
  remove(upstream: string): Promise<void>;
}

/** None of its calls throws: without Redis each gateway goes by its own judgement. */
export function createSharedRollbacks(options: {
  redis: Redis;
  keys: Keys;
  logger: Logger;
}): SharedRollbacks {
  const { redis, logger } = options;
  const key = options.keys('canary-rollbacks');
  let isAway = false;

  async function attempt<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      const result = await work;
      isAway = false;
      return result;
    } catch (error) {
      if (!isAway) logger.error('canary rollbacks are not shared, Redis is away', { error });
      isAway = true;
      return undefined;
    }
  }

  return {
    async read() {
      const fields = await attempt(redis.hgetall(key));
      return fields && new Map(Object.entries(fields).flatMap(([upstream, text]) => entryOf(upstream, text)));
    },
    put: async (upstream, value) => void (await attempt(redis.hset(key, upstream, JSON.stringify(value)))),
    remove: async (upstream) => void (await attempt(redis.hdel(key, upstream))),
  };
}

/** What is no rollback of ours (another release wrote it) is as good as none. */
function entryOf(upstream: string, text: string): [string, Rollback][] {
  try {
    return [[upstream, rollback.parse(JSON.parse(text))]];
  } catch {
    return [];
  }
}
