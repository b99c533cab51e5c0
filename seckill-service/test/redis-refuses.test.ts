import type { Redis } from 'ioredis';
import { createKeys } from '@onrush/chassis/redis';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createLiveSales, type LiveSales } from '../src/data/live-sale';
import { buyAt } from './another-instance';
import { startFixture, type Fixture } from './fixture';
import { startOwnRedis, type OwnRedis } from './own-redis';

let own: OwnRedis;
let fixture: Fixture;
let sales: LiveSales;

describe('a Redis that takes no writes', () => {
  beforeAll(async () => {
    own = await startOwnRedis();
    fixture = await startFixture('refuses', { redisUrl: own.url });
    const { redis } = own;
    sales = createLiveSales({ redis, hot: redis, keys: createKeys(fixture.namespace, 'seckill') });
  }, 60_000);
  afterAll(async () => {
    await fixture.stop();
    await own.stop();
  });

  const failSaving = async (redis: Redis) => {
    await redis.bgsave();
    await eventually(async () => (await redis.info('persistence')).includes('rdb_last_bgsave_status:err'));
  };

  test.each([
    [
      'out of memory',
      (redis: Redis) => redis.config('SET', 'maxmemory', '1'),
      (redis: Redis) => redis.config('SET', 'maxmemory', '0'),
    ],
    [
      'a replica now',
      (redis: Redis) => redis.replicaof('127.0.0.1', 1),
      (redis: Redis) => redis.replicaof('NO', 'ONE'),
    ],
    [
      'without its replicas',
      (redis: Redis) => redis.config('SET', 'min-replicas-to-write', '1'),
      (redis: Redis) => redis.config('SET', 'min-replicas-to-write', '0'),
    ],
    [
      'without a disk to write to',
      failSaving,
      (redis: Redis) => redis.config('SET', 'stop-writes-on-bgsave-error', 'no'),
    ],
  ])(
    'because it is %s: buyers hear so at once, nothing is half done, and those who have bought get their answer',
    async (_name, refuse, mend) => {
      const activityId = await fixture.openActivity({ total: 10 });
      const buy = (user: number) => buyAt(fixture, { activityId, user: buyer(user), key: `k${user}` });
      const before = await buy(1);
      await eventually(async () => (await sales.waitingInStream(activityId)) === 0);

      await refuse(own.redis);
      const times: number[] = [];
      let refused = before;
      for (let tries = 0; tries < 3; tries += 1) {
        const began = performance.now();
        refused = await buy(2);
        times.push(performance.now() - began);
      }
      const again = await buy(1);

      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      // One of them may have met a machine that stood still.
      expect(Math.min(...times)).toBeLessThan(1_000);
      expect(again.body.data).toEqual(before.body.data);
      expect(await sales.read(activityId)).toMatchObject({ remaining: 9 });
      expect(await sales.reservationsOf(activityId, '2')).toEqual([]);
      expect(await sales.waitingInStream(activityId)).toBe(0);

      await mend(own.redis);
      await eventually(async () => (await buy(2)).status === 202);
      expect(await sales.read(activityId)).toMatchObject({ remaining: 8 });
    },
  );
});
