import { createDelayQueue } from '../src/delay-queue';
import { createLocks } from '../src/lock';
import { createMetrics } from '../src/metrics';
import { createRedis, loadScript } from '../src/redis';
import { createRedisChannels } from '../src/redis-channels';
import { duplicateUnrepeated } from '../src/redis-cluster';
import { leaseWorkerId } from '../src/snowflake';
import { createIds } from '../src/resources';
import { defineErrors } from '../src/errors';
import { releaseTogether } from '../src/testing/gate';
import { infrastructure, testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { metricOf } from '../src/testing/metrics';
import { createTestRedis, type TestRedis } from '../src/testing/redis';
import { eventually } from '../src/testing/wait';

const metrics = createMetrics({ service: 'test' });
let redis: TestRedis;
beforeAll(async () => {
  redis = await createTestRedis(testNamespace('redis'));
});
afterAll(() => redis.cleanup());

test('a process shows all of its connections to Redis, and which of them are there', async () => {
  const own = createMetrics({ service: 'test' });
  const connection = createRedis({
    url: infrastructure().redisUrl,
    name: 'shown',
    logger: silentLogger,
    metrics: own,
  });
  const channels = createRedisChannels({ redis: connection, logger: silentLogger });
  const hot = duplicateUnrepeated(connection);
  const counts = () =>
    Promise.all(
      ['ready', 'connecting', 'closed'].map((state) => metricOf(own, 'redis_pool_connections', { state })),
    );

  expect(await counts()).toEqual([0, 0, 3]);
  await connection.connect();
  const connecting = channels.start();
  expect(await counts()).toEqual([1, 1, 1]);
  await connecting;
  await hot.connect();
  expect(await counts()).toEqual([3, 0, 0]);
  await channels.stop();
  await Promise.all([connection.quit(), hot.quit()]);
  await eventually(async () => (await counts())[2] === 3);
});

describe('redis', () => {
  test('a script runs with the right number of keys, and after Redis forgot it', async () => {
    const script = loadScript<string[]>(`${__dirname}/../src`, 'claim-jobs-2.lua');

    await expect(script.run(redis.redis, ['a'], [])).rejects.toThrow('takes 2 keys');
    await redis.redis.script('FLUSH');
    expect(await script.run(redis.redis, [redis.keys('x'), redis.keys('y')], [0, 1, 1])).toEqual([]);
  });

  test('a lock has one holder, its fence grows, and it is free afterwards', async () => {
    const locks = createLocks(redis.redis);
    const fences: number[] = [];
    const hold = () =>
      locks.withLock(redis.keys('lock'), 1_000, async (lock) => {
        fences.push(lock.fence);
        await new Promise((resolve) => setTimeout(resolve, 30));
        return lock.stillHeld();
      });

    const answers = await releaseTogether(5, hold);
    const later = await hold();

    expect(answers.filter((answer) => answer.status === 'fulfilled' && answer.value === true)).toHaveLength(
      1,
    );
    expect(later).toBe(true);
    expect(fences).toEqual([1, 2]);
  });

  test('worker numbers are different while they are leased', async () => {
    const free = [3, 500, 501, 1_023];
    const taken = Array.from({ length: 1_024 }, (_, number) => number).filter((n) => !free.includes(n));
    await redis.redis.mset(...taken.flatMap((n) => [redis.keys('worker', String(n)), 'somebody']));
    const leases = await Promise.all(
      Array.from({ length: 4 }, () =>
        leaseWorkerId({ redis: redis.redis, keys: redis.keys, logger: silentLogger }),
      ),
    );

    expect(leases.map((lease) => lease.workerId).sort((a, b) => a - b)).toEqual(free);
    await Promise.all(leases.map((lease) => lease.release()));
    await redis.redis.del(...taken.map((n) => redis.keys('worker', String(n))));
    expect(await redis.redis.keys(redis.keys('worker', '*'))).toEqual([]);
  });

  test('a lost worker number stops the numbering, until another one is had', async () => {
    const ids = createIds({
      redis: redis.redis,
      keys: redis.keys,
      logger: silentLogger,
      errors: defineErrors('order-service', {}),
      leaseMs: 200,
    });
    const canNumber = () => {
      try {
        return BigInt(ids.nextId()) > 0n;
      } catch (error) {
        expect(error).toMatchObject({ reason: 'UNAVAILABLE', retryAfterSeconds: 1 });
        return false;
      }
    };
    await ids.start();
    expect(canNumber()).toBe(true);

    const [taken = ''] = await redis.redis.keys(redis.keys('worker', '*'));
    await redis.redis.set(taken, 'somebody else');
    await eventually(() => !canNumber());

    await eventually(() => canNumber());
    expect(await redis.redis.keys(redis.keys('worker', '*'))).toHaveLength(2);
    await ids.stop();
    expect(await redis.redis.keys(redis.keys('worker', '*'))).toEqual([taken]);
    await redis.redis.del(taken);
  });
});

describe('delay queue', () => {
  const queueOf = (
    name: string,
    handle: (id: string, attempt: number) => Promise<void>,
    visibilityMs = 30_000,
  ) =>
    createDelayQueue<{ n: number }>({
      redis: redis.redis,
      keys: redis.keys,
      name,
      handle: (job) => handle(job.id, job.attempt),
      logger: silentLogger,
      metrics,
      pollMs: 10,
      visibilityMs,
    });

  test('jobs fire once over two workers, in their time; the same id again and a cancelled one change nothing', async () => {
    const fired: { id: string; at: number }[] = [];
    const handle = (id: string) => Promise.resolve(void fired.push({ id, at: Date.now() }));
    const [one, two] = [queueOf('two', handle), queueOf('two', handle)];
    const dueAt = new Date(Date.now() + 300);
    await one.schedule([
      ...Array.from({ length: 100 }, (_, index) => ({ id: `j${index}`, dueAt, payload: { n: index } })),
      { id: 'gone', dueAt, payload: { n: 0 } },
    ]);
    await one.schedule([{ id: 'j1', dueAt: new Date(0), payload: { n: 0 } }]);
    await one.cancel(['gone']);
    await Promise.all([one.start(), two.start()]);

    await eventually(() => fired.length >= 100);

    await Promise.all([one.stop(), two.stop()]);
    expect(new Set(fired.map((job) => job.id)).size).toBe(100);
    expect(fired).toHaveLength(100);
    expect(Math.min(...fired.map((job) => job.at))).toBeGreaterThanOrEqual(dueAt.getTime());
    expect(await one.size()).toBe(0);
  });

  test('more jobs than one run of the script takes are all there, each once', async () => {
    const queue = queueOf('many', () => Promise.resolve());
    const dueAt = new Date(Date.now() + 3_600_000);
    const wanted = Array.from({ length: 1_201 }, (_, index) => ({
      id: `m${index}`,
      dueAt,
      payload: { n: index },
    }));

    await queue.schedule([]);
    await queue.schedule(wanted);
    await queue.schedule(wanted);

    expect(await queue.size()).toBe(1_201);
  });

  test('a job that fails comes back, and one whose worker died is taken by another', async () => {
    const attempts: number[] = [];
    const failing = queueOf('failing', (_id, attempt) => {
      attempts.push(attempt);
      return attempt < 2 ? Promise.reject(new Error('not yet')) : Promise.resolve();
    });
    await failing.schedule([{ id: 'x', dueAt: new Date(), payload: { n: 1 } }]);
    await failing.start();
    await eventually(() => attempts.length === 2);
    await failing.stop();
    expect(attempts).toEqual([1, 2]);

    const claim = loadScript<string[]>(`${__dirname}/../src`, 'claim-jobs-2.lua');
    const rescued: string[] = [];
    const other = queueOf('dead', (id) => Promise.resolve(void rescued.push(id)));
    await other.schedule([{ id: 'y', dueAt: new Date(), payload: { n: 1 } }]);
    const keyOf = redis.keys.tagged('delay:dead');
    expect(await claim.run(redis.redis, [keyOf('due'), keyOf('jobs')], [Date.now(), 200, 10])).toHaveLength(
      3,
    );
    await other.start();
    await eventually(() => rescued.length === 1);
    await other.stop();
  });
});
