import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { StreamEntry } from '@onrush/chassis/stream-relay';
import { saleKey } from './live-sale';

/** The purchases that wait in the streams: buy-3.lua counts them in, and whoever recorded them takes them off. */
export interface Backlog {
  /** Takes recorded entries out of the stream. */
  settle(sale: string, entries: { id: StreamEntry['id']; purchases: number }[]): Promise<void>;
  /** How many purchases wait in the stream of each of these. */
  read(sales: string[]): Promise<Map<string, number>>;
}

const settleScript = loadScript<number>(__dirname, 'settle-2.lua');

export function createBacklog(options: { redis: Redis; keys: Keys; group: string }): Backlog {
  const { redis, keys, group } = options;
  return {
    async settle(sale, entries) {
      const parts = [saleKey(keys, sale, 'stream'), saleKey(keys, sale, 'state')];
      await settleScript.run(redis, parts, [
        group,
        ...entries.flatMap(({ id, purchases }) => [id, purchases]),
      ]);
    },
    async read(sales) {
      const counts = sales.map(async (sale): Promise<[string, number]> => {
        const count = await redis.hget(saleKey(keys, sale, 'state'), 'backlog');
        return [sale, Number(count ?? 0)];
      });
      return new Map(await Promise.all(counts));
    },
  };
}
