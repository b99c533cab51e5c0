import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Keys } from '@onrush/chassis/redis';

const windowSeconds = 15 * 60;

/** Failed log-ins of one name, whoever makes them. */
export interface LoginFailures {
  /** Seconds to wait; 0 when the name may try. */
  mustWait(username: string): Promise<number>;
  add(username: string): Promise<void>;
  forget(username: string): Promise<void>;
}

export function createLoginFailures({
  redis,
  keys,
  limit,
}: {
  redis: Redis;
  keys: Keys;
  limit: number;
}): LoginFailures {
  // Names are of any length and script: the key carries a hash.
  const keyOf = (username: string) =>
    keys(
      'login-failures',
      createHash('sha256').update(username.normalize('NFKC').toLowerCase()).digest('hex'),
    );
  return {
    async mustWait(username) {
      const key = keyOf(username);
      const failures = Number((await redis.get(key)) ?? 0);
      return failures < limit ? 0 : Math.max(await redis.ttl(key), 1);
    },
    async add(username) {
      const key = keyOf(username);
      await redis.multi().incr(key).expire(key, windowSeconds, 'NX').exec();
    },
    async forget(username) {
      await redis.del(keyOf(username));
    },
  };
}
