import type { Redis } from 'ioredis';
import Redlock from 'redlock';

export interface HeldLock {
  /** Grows with every holder of this key: a write that carries it can be refused when a later holder has written. */
  fence: number;
  /** False once the lock could not be extended: somebody else may hold it. */
  stillHeld(): boolean;
}

/** Locks save work that two would do twice; they never guard a write by themselves. */
export interface Locks {
  /** Undefined, and nothing done, when somebody else holds the lock. Extended for as long as `work` runs. */
  withLock<T>(key: string, ttlMs: number, work: (lock: HeldLock) => Promise<T>): Promise<T | undefined>;
}

export function createLocks(redis: Redis): Locks {
  const redlock = new Redlock([redis], { retryCount: 0 });
  redlock.on('clientError', () => undefined);
  return {
    async withLock(key, ttlMs, work) {
      let lock = await redlock.acquire([key], ttlMs).catch((error: unknown) => {
        if (error instanceof Redlock.LockError) return undefined;
        throw error;
      });
      if (!lock) return undefined;
      let held = true;
      const extend = async () => {
        try {
          lock = await lock?.extend(ttlMs);
        } catch {
          held = false;
        }
      };
      const timer = setInterval(() => void extend(), ttlMs / 3);
      try {
        return await work({ fence: await redis.incr(`${key}:fence`), stillHeld: () => held });
      } finally {
        clearInterval(timer);
        await lock?.unlock().catch(() => undefined);
      }
    },
  };
}
