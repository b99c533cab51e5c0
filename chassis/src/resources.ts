import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import type { CommonErrors } from './errors';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Keys } from './redis';
import { connectNodes } from './redis-cluster';
import { createSnowflake, leaseWorkerId, type Snowflake, type WorkerLease } from './snowflake';

/** A DataSource as a component. */
export const databaseComponent = (db: DataSource): Component => ({
  name: 'mysql',
  start: async () => {
    await db.initialize();
  },
  stop: () => db.destroy(),
});

/** A Redis connection as a component; starting means that it answers. */
export const redisComponent = (redis: Redis): Component => ({
  name: 'redis',
  start: async () => {
    if (redis.status === 'wait') await redis.connect();
    await redis.ping();
    await connectNodes(redis);
  },
  stop: async () => {
    // A connection that is not there cannot say goodbye, and must not go on trying.
    if (redis.status === 'ready') await redis.quit();
    else redis.disconnect();
  },
});

const leaseAgainMs = 1_000;

/**
 * Snowflake ids whose worker number is leased for as long as the service runs. A lost lease stops the numbering, until another one is had:
 * in between, and after a jump of the clock, `nextId` throws `unavailable`.
 */
export function createIds(options: {
  redis: Redis;
  keys: Keys;
  logger: Logger;
  errors: CommonErrors;
  /** How long a number stays ours without being renewed. */
  leaseMs?: number;
}): Snowflake & Component {
  const { logger, errors } = options;
  let lease: WorkerLease | undefined;
  let ids: Snowflake | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function take(): Promise<void> {
    lease = await leaseWorkerId(options);
    if (isStopped) return lease.release();
    ids = createSnowflake({ workerId: lease.workerId });
    lease.onLost(() => {
      ids = undefined;
      takeAgain();
    });
  }

  function takeAgain(): void {
    timer = setTimeout(() => {
      take().catch((error: unknown) => {
        logger.warn('no worker number yet', { error });
        takeAgain();
      });
    }, leaseAgainMs);
  }

  return {
    name: 'snowflake ids',
    start: take,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      if (ids) await lease?.release();
    },
    nextId() {
      if (!ids)
        throw errors.unavailable({ retryAfterSeconds: 1, meta: { why: 'no worker number is leased' } });
      try {
        return ids.nextId();
      } catch (cause) {
        throw errors.unavailable({ retryAfterSeconds: 1, cause });
      }
    },
  };
}
