import { startOwnCluster, type OwnCluster } from '@onrush/chassis/testing/redis-cluster';
import type { Redis } from 'ioredis';
import { connectRedis, findLiveSales, readLiveSales, waitingInStreams } from '../src/checks/live-sales';

let cluster: OwnCluster;
let redis: Redis;
beforeAll(async () => {
  cluster = await startOwnCluster();
  redis = connectRedis(cluster.url);
}, 60_000);
afterAll(async () => {
  redis?.disconnect();
  await cluster?.stop();
});

const sell = (key: string, id: string, units: number) =>
  redis.xadd(`${key}stream`, '*', 'epoch', '1', id, `user:order:${units}:key`);

test('the units of all buckets of an activity are counted, on whatever servers they are, and those on their way once', async () => {
  const keyOf = (sale: string) => `t:seckill:{a:${sale}}:`;
  const on = async (server: number, salt = 0): Promise<string> => {
    const key = keyOf(`12:${server}.${salt}`);
    return (await cluster.memberOf(key)) === cluster.members[server] ? key : on(server, salt + 1);
  };
  const [first, second, third] = [await on(0), await on(1), await on(2)];
  await redis.hset(`${first}state`, { stock: 3, 'out:1': 4, 'in:2': 1 });
  await redis.hset(`${second}state`, { stock: 2, 'in:0': 2 });
  await redis.hset(`${third}state`, { stock: 0, 'out:0': 1 });
  await redis.hset(`${keyOf('123:0')}state`, { stock: 1_000 });
  await sell(first, '1', 2);
  await sell(third, '2', 1);
  await sell(third, '3', 4);

  const sales = await findLiveSales(redis, { namespace: 't', activityId: '12', buckets: 3 });

  expect(sales.toSorted()).toEqual([first, second, third]);
  expect(await readLiveSales(redis, sales)).toEqual({ free: 7, inStream: 7 });
  expect(await waitingInStreams(redis, sales)).toBe(3);
});

test('an activity of one bucket is the live sale itself', async () => {
  const [sale = ''] = await findLiveSales(redis, { namespace: '', activityId: '13', buckets: 1 });
  await redis.hset(`${sale}state`, { stock: 5 });

  expect(sale).toBe('seckill:{a:13}:');
  expect(await readLiveSales(redis, [sale])).toEqual({ free: 5, inStream: 0 });
});
