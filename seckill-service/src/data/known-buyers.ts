import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import { saleKey } from './live-sale';

const script = loadScript<[next: string, ...users: string[]]>(__dirname, 'buyers-1.lua');
const usersPerPage = 1_000;

/** Everybody who bought something in a live sale, a page at a time: Redis has others to answer in between. */
export async function readBuyers(
  { redis, keys }: { redis: Redis; keys: Keys },
  sale: string,
): Promise<Set<string>> {
  const buyers = new Set<string>();
  let cursor = '0';
  do {
    const [next, ...users] = await script.run(redis, [saleKey(keys, sale, 'buyers')], [cursor, usersPerPage]);
    for (const user of users) buyers.add(user);
    cursor = next;
  } while (cursor !== '0');
  return buyers;
}
