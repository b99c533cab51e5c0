import type { Redis } from 'ioredis';
import { createKeys, createRedis, type Keys } from '../redis';
import { serversOf } from '../redis-cluster';
import { infrastructure } from './infrastructure';
import { silentLogger } from './logger';

export interface TestRedis {
  redis: Redis;
  keys: Keys;
  cleanup(): Promise<void>;
}

/** A connection and a key space of the test file's own. */
export async function createTestRedis(namespace: string): Promise<TestRedis> {
  const redis = createRedis({ url: infrastructure().redisUrl, name: namespace, logger: silentLogger });
  await redis.connect();
  return {
    redis,
    keys: createKeys(namespace, 'test'),
    async cleanup() {
      await deleteKeys(redis, namespace);
      await redis.quit();
    },
  };
}

/** Removes what a namespace left behind. */
export async function deleteKeys(redis: Redis, namespace: string): Promise<void> {
  for (const server of serversOf(redis)) {
    const pages = server.scanStream({ match: `${namespace}:*`, count: 1_000 }) as AsyncIterable<string[]>;
    // One by one: the keys of a page are in many slots.
    for await (const keys of pages) await Promise.all(keys.map((key) => server.unlink(key)));
  }
}
