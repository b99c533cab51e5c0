import { startRedisServer, type RedisServer } from '@onrush/chassis/testing/redis-server';

export type OwnRedis = RedisServer;

/** A Redis of the test file's own, which keeps nothing and cannot write to its disk. */
export const startOwnRedis = (): Promise<OwnRedis> =>
  startRedisServer(['--dir', '/proc', '--save', '3600 1']);
