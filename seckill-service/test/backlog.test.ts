import { createBacklog } from '../src/data/backlog';
import { createLiveSales, type LiveSales } from '../src/data/live-sale';
import { createKeys, type Keys } from '@onrush/chassis/redis';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { buyAt, startAnother } from './another-instance';
import { startFixture, type Fixture } from './fixture';

const limit = 5;
let fixture: Fixture;
let keys: Keys;
let sales: LiveSales;
/** It answers buyers; nobody records what they buy, until a test starts somebody who does. */
beforeAll(async () => {
  fixture = await startFixture('backlog', { role: 'api', backlogLimit: limit });
  keys = createKeys(fixture.namespace, 'seckill');
  const { redis } = fixture.redis;
  sales = createLiveSales({ redis, hot: redis, keys, backlogLimit: limit });
}, 60_000);
afterAll(() => fixture.stop());

const stateOf = (activityId: string) => sales.streamOf(activityId).replace(':stream', ':state');
const backlogOf = async (activityId: string) =>
  Number(await fixture.redis.redis.hget(stateOf(activityId), 'backlog'));
let nextNumber = 0;
const purchase = (activityId: string, user: number, quantity = 1) => ({
  activityId,
  userId: String(user),
  quantity,
  idempotencyKey: '',
  reservationId: String(910_000_000_000 + ++nextNumber),
  tokenId: '',
  orderNo: String(920_000_000_000 + nextNumber),
});

test('with as many purchases waiting as may wait, buyers are told to come back; the rest goes on, and so do they as soon as MySQL does', async () => {
  const activityId = await fixture.openActivity();
  const other = await fixture.openActivity();
  const buy = (user: number, key?: string) =>
    buyAt(fixture, { activityId, user: buyer(user), ...(key && { key }) });
  const first = await buy(1, 'k1');
  for (const user of [2, 3, 4, 5]) expect((await buy(user)).status).toBe(202);

  const refused = await buy(6);
  const again = await buy(1, 'k1');
  const beyond = await buy(2);
  const elsewhere = await buyAt(fixture, { activityId: other, user: buyer(6) });

  expect(refused).toMatchObject({ status: 503, body: { code: 503401, data: null } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(again.body.data).toEqual(first.body.data);
  expect(beyond.body.code).toBe(409405);
  expect(elsewhere.status).toBe(202);
  expect(await sales.read(activityId)).toMatchObject({ remaining: 95 });
  expect(await sales.reservationsOf(activityId, '6')).toEqual([]);

  // MySQL does not let anybody write into this activity.
  const holder = fixture.db.createQueryRunner();
  await holder.startTransaction();
  await holder.query('SELECT id FROM activities WHERE id = ? FOR UPDATE', [activityId]);
  const worker = await startAnother(fixture, { role: 'worker' });
  await eventually(async () => (await worker.metric('seckill_backlog', { activity: activityId })) === limit);
  expect((await buy(6)).status).toBe(503);

  await holder.rollbackTransaction();
  await holder.release();

  await eventually(async () => (await buy(6)).status === 202);
  await eventually(async () => (await worker.metric('seckill_backlog', { activity: activityId })) === 0);
  await eventually(async () => (await backlogOf(activityId)) === 0);

  // Of a sale that is over nobody wants to know.
  await fixture.db.query('UPDATE activities SET drained_at = NOW() WHERE id = ?', [activityId]);
  await eventually(
    async () => !(await worker.metrics.registry.metrics()).includes(`activity="${activityId}"`),
  );
  await worker.stop();
});

test('of one batch exactly as many are accepted as there is room for', async () => {
  const activityId = await fixture.openActivity({ per_user_limit: 2 });
  const batch = Array.from({ length: 8 }, (_, index) => purchase(activityId, 100 + index, 2));

  const { answers } = await sales.buy(activityId, batch);

  expect(answers.map((answer) => (answer.accepted ? 'accepted' : answer.reason))).toEqual([
    ...Array<string>(limit).fill('accepted'),
    ...Array<string>(3).fill('backlog'),
  ]);
  // Purchases are counted, not units.
  expect(await backlogOf(activityId)).toBe(limit);
  expect(await sales.read(activityId)).toMatchObject({ remaining: 90 });
});

test('whoever cannot buy anyway hears why, and not that it is too early', async () => {
  const activityId = await fixture.openActivity({ total: limit });
  await sales.buy(
    activityId,
    Array.from({ length: limit }, (_, index) => purchase(activityId, 200 + index)),
  );

  const { answers } = await sales.buy(activityId, [purchase(activityId, 200), purchase(activityId, 299)]);

  expect(answers).toEqual([
    { accepted: false, reason: 'over-limit' },
    { accepted: false, reason: 'sold-out' },
  ]);
});

test('an entry that is settled twice leaves the backlog once', async () => {
  const activityId = await fixture.openActivity();
  const { redis } = fixture.redis;
  const backlog = createBacklog({ redis, keys, group: 'g' });
  await sales.buy(
    activityId,
    [1, 2, 3].map((user) => purchase(activityId, 300 + user)),
  );
  await sales.buy(activityId, [purchase(activityId, 310)]);
  const [first] = await redis.xrange(sales.streamOf(activityId), '-', '+', 'COUNT', 1);
  const entry = { id: first?.[0] ?? '', purchases: 3 };

  await backlog.settle(activityId, [entry]);
  await backlog.settle(activityId, [entry]);

  expect(await backlog.read([activityId])).toEqual(new Map([[activityId, 1]]));
  expect(await sales.waitingInStream(activityId)).toBe(1);
});

test('a count that is wrong is right again as soon as the stream is empty, and a lost sale does not come into being by settling', async () => {
  const activityId = await fixture.openActivity();
  const { redis } = fixture.redis;
  const backlog = createBacklog({ redis, keys, group: 'g' });
  await redis.hset(stateOf(activityId), 'backlog', 1_000);

  const { answers } = await sales.buy(activityId, [purchase(activityId, 400)]);
  expect(answers).toMatchObject([{ accepted: true }]);
  expect(await backlogOf(activityId)).toBe(1);

  const [left] = await redis.xrange(sales.streamOf(activityId), '-', '+');
  await redis.del(stateOf(activityId));
  await backlog.settle(activityId, [{ id: left?.[0] ?? '', purchases: 1 }]);
  expect(await redis.exists(stateOf(activityId))).toBe(0);
  expect(await sales.waitingInStream(activityId)).toBe(0);
});

test('a rebuilt sale, which counts from 0, does not count below it', async () => {
  const activityId = await fixture.openActivity();
  const { redis } = fixture.redis;
  const backlog = createBacklog({ redis, keys, group: 'g' });
  await sales.buy(
    activityId,
    [1, 2, 3].map((user) => purchase(activityId, 500 + user)),
  );
  const [left] = await redis.xrange(sales.streamOf(activityId), '-', '+');
  await redis.hset(stateOf(activityId), 'backlog', 2);

  await backlog.settle(activityId, [{ id: left?.[0] ?? '', purchases: 3 }]);

  expect(await backlogOf(activityId)).toBe(0);
});
