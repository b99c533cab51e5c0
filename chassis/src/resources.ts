import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Keys } from './redis';
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
  },
  stop: async () => {
    // A connection that is not there cannot say goodbye, and must not go on trying.
    if (redis.status === 'ready') await redis.quit();
    else redis.disconnect();
  },
});

/** Snowflake ids whose worker number is leased for as long as the service runs; a lost lease stops the numbering. */
export function createIds(options: { redis: Redis; keys: Keys; logger: Logger }): Snowflake & Component {
  let lease: WorkerLease | undefined;
  let ids: Snowflake | undefined;
  return {
    name: 'snowflake ids',
    async start() {
      lease = await leaseWorkerId(options);
      lease.onLost(() => {
        ids = undefined;
      });
      ids = createSnowflake({ workerId: lease.workerId });
    },
    async stop() {
      await lease?.release();
    },
    nextId() {
      if (!ids) throw new Error('no worker number is leased, so no id can be given');
      return ids.nextId();
    },
  };
}
