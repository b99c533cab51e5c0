import { createRedisCluster, isClusterUrl, serversOf } from '@onrush/chassis/redis-cluster';
import { Redis } from 'ioredis';

/** What Redis has of an activity, in units. */
export interface LiveUnits {
  free: number;
  inStream: number;
}

export const connectRedis = (url: string): Redis =>
  isClusterUrl(url) ? createRedisCluster(url, {}) : new Redis(url);

/**
 * The part of the keys that comes before their last word, of each live sale that an activity has: itself, or its buckets (`12:0`, `12:1.5` …). They are
 * found by looking, so that nothing here has to know how the service chooses their names.
 */
export async function findLiveSales(
  redis: Redis,
  { namespace, activityId, buckets }: { namespace: string; activityId: string; buckets: number },
): Promise<string[]> {
  const keyOf = (sale: string) => `${namespace ? `${namespace}:` : ''}seckill:{a:${sale}}:`;
  if (buckets === 1) return [keyOf(activityId)];
  // The state is there for good, a stream only once somebody has bought.
  const match = `${keyOf(`${activityId}:*`)}state`;
  if (redis.status === 'wait') await redis.connect();
  const found = new Set<string>();
  for (const server of serversOf(redis))
    for await (const keys of server.scanStream({ match, count: 1_000 }) as AsyncIterable<string[]>)
      for (const key of keys) found.add(key.slice(0, -'state'.length));
  return [...found];
}

/** All of them together; units on their way between two buckets are free. */
export async function readLiveSales(redis: Redis, sales: string[]): Promise<LiveUnits> {
  const units: LiveUnits = { free: 0, inStream: 0 };
  for (const sale of sales) {
    const state = await redis.hgetall(`${sale}state`);
    units.free += Number(state['stock'] ?? 0);
    for (const [field, count] of Object.entries(state)) {
      if (field.startsWith('out:')) units.free += Number(count);
      if (field.startsWith('in:')) units.free -= Number(count);
    }
    for (const [, fields] of await redis.xrange(`${sale}stream`, '-', '+')) {
      // An entry is a batch: "epoch", then reservation id → "user:order_no:quantity".
      for (let index = 2; index + 1 < fields.length; index += 2)
        units.inStream += Number(fields[index + 1]?.split(':')[2]);
    }
  }
  return units;
}

/** Entries of all their streams. */
export async function waitingInStreams(redis: Redis, sales: string[]): Promise<number> {
  let waiting = 0;
  for (const sale of sales) waiting += await redis.xlen(`${sale}stream`);
  return waiting;
}
