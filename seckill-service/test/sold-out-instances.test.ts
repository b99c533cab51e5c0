import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createKeys } from '@onrush/chassis/redis';
import type { ChannelListener } from '@onrush/chassis/redis-channels';
import { readBuyers } from '../src/data/known-buyers';
import { hearAnnouncements } from '../src/handlers/announcements';
import { buyAt, startAnother, type Bought, type Instance } from './another-instance';
import { startFixture, type Fixture } from './fixture';
import { tellCancelled } from './order-events';

let fixture: Fixture;
/** It remembers for as long as nobody tells it otherwise. */
let far: Instance;
beforeAll(async () => {
  fixture = await startFixture('soldout');
  far = await startAnother(fixture, { role: 'api', soldOutTtlMs: 600_000 });
}, 60_000);
afterAll(async () => {
  await far.stop();
  await fixture.stop();
});

let nextUser = 1_000;
const remembered = (instance: Instance) =>
  instance.metric('seckill_fail_reason', { reason: 'sold-out-remembered' });
const rememberedSales = () => far.metric('seckill_sold_out_sales');
const runsOf = (instance: Instance) => instance.metric('seckill_batches_total');
const tryToBuy = async (at: Parameters<typeof buyAt>[0], activityId: string) =>
  (await buyAt(at, { activityId, user: buyer((nextUser += 1)) })).body.code;

/** A sale of one unit, which this buyer has, and of which `far` remembers that it is sold out. */
async function soldOutSale(user: number, key = 'k', changes: Record<string, unknown> = {}) {
  const activityId = await fixture.openActivity({ total: 1, per_user_limit: 2, ...changes });
  const bought = await buyAt(fixture, { activityId, user: buyer(user), key });
  if (bought.status !== 202) throw new Error(`not bought: ${JSON.stringify(bought.body)}`);
  await rememberedBy(far, activityId);
  return { activityId, bought: bought.body.data };
}

const rememberedBy = (instance: Instance, activityId: string) =>
  eventually(async () => {
    const before = await remembered(instance);
    expect(await tryToBuy(instance, activityId)).toBe(409404);
    return (await remembered(instance)) > before;
  });

const inLedger = ({ reservation_id }: Bought) =>
  eventually(
    async () =>
      (await fixture.db.query<unknown[]>('SELECT 1 FROM reservations WHERE id = ?', [reservation_id]))
        .length === 1,
  );

test('what is sold out is answered from memory, without Redis', async () => {
  const { activityId } = await soldOutSale(1);
  const runs = await runsOf(far);

  for (let times = 0; times < 50; times += 1) expect(await tryToBuy(far, activityId)).toBe(409404);

  expect(await runsOf(far)).toBe(runs);
});

test('meanwhile a buyer who repeats his key gets his answer, and who has bought hears of his limit', async () => {
  const { activityId, bought } = await soldOutSale(2, 'mine', { per_user_limit: 1 });
  const at = (key?: string, quantity = 1) =>
    buyAt(far, { activityId, user: buyer(2), quantity, ...(key && { key }) });

  expect(await at('mine')).toMatchObject({ status: 202, body: { data: bought } });
  expect((await at('mine', 2)).body.code).toBe(422401);
  expect((await at()).body.code).toBe(409405);
  expect((await buyAt(far, { activityId, user: buyer(3), quantity: 2 })).body.code).toBe(409405);
});

test('a unit that comes back is for sale on every instance at once', async () => {
  const { activityId, bought } = await soldOutSale(4);
  await inLedger(bought);
  const sales = await rememberedSales();

  await tellCancelled(fixture, { ...bought, activityId, userId: '4' });

  // Had it not been told, it would go on for ten minutes.
  await eventually(async () => (await rememberedSales()) === sales - 1);
  expect((await buyAt(far, { activityId, user: buyer(5) })).status).toBe(202);
  // Whoever gave the unit back is known as well as who has it now.
  await rememberedBy(far, activityId);
  expect((await buyAt(far, { activityId, user: buyer(4), key: 'k' })).body.data).toEqual(bought);
});

test('units that an operator adds are for sale at once on every instance', async () => {
  const { activityId } = await soldOutSale(6);

  const added = await fixture.http.call(`POST /api/v1/admin/seckill/activities/${activityId}/stock`, {
    user: admin,
    body: { delta: 1, reason: 'one more row of seats' },
  });
  expect(added.status).toBe(200);

  await eventually(async () => (await tryToBuy(far, activityId)) === 0);
});

test('what is announced is forgotten, and after its connection was lost an instance relies on nothing that it could not hear of', () => {
  let listener: ChannelListener | undefined;
  const channels = { listen: (_channel: string, heard: ChannelListener) => (listener = heard) };
  const [soldOut, reads] = [{ forget: jest.fn() }, { forget: jest.fn() }];
  hearAnnouncements({
    channels: channels as never,
    keys: createKeys('x', 'seckill'),
    soldOut: soldOut as never,
    reads: reads as never,
  });

  listener?.onMessage('7');
  listener?.onListening();

  expect(soldOut.forget.mock.calls).toEqual([['7'], []]);
  expect(reads.forget.mock.calls).toEqual([['7']]);
});

test('a quantity that is more than what is left is refused, and whoever wants less gets it', async () => {
  const activityId = await fixture.openActivity({ total: 1, per_user_limit: 2 });

  for (let times = 0; times < 5; times += 1)
    expect((await buyAt(far, { activityId, user: buyer(7), quantity: 2 })).body.code).toBe(409404);

  expect((await buyAt(far, { activityId, user: buyer(8) })).status).toBe(202);
});

test.each([
  ['paused', 'status', 'PAUSED', 409402],
  ['over', 'ends_at', String(Date.now() - 1), 409403],
])(
  'a sale that is %s meanwhile says so within a second, though nobody announced it',
  async (_name, field, value, code) => {
    const near = await startAnother(fixture, { role: 'api' });
    const { activityId } = await soldOutSale(9);
    await rememberedBy(near, activityId);
    const state = fixture.sales.streamOf(activityId).replace(':stream', ':state');

    await fixture.redis.redis.hset(state, field, value);

    await eventually(async () => (await tryToBuy(near, activityId)) === code, { timeoutMs: 1_500 });
    for (let times = 0; times < 5; times += 1) expect(await tryToBuy(near, activityId)).toBe(code);
    await near.stop();
  },
);

test('a sale that was lost and rebuilt is known anew', async () => {
  const { activityId, bought } = await soldOutSale(10);
  await inLedger(bought);
  const sales = await rememberedSales();
  const stream = fixture.sales.streamOf(activityId);
  await fixture.redis.redis.del(stream.replace(':stream', ':state'), stream.replace(':stream', ':buyers'));
  await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${activityId}`, { user: admin });
  await eventually(async () => (await rememberedSales()) === sales - 1);

  await eventually(async () => (await tryToBuy(far, activityId)) === 409404);

  expect((await buyAt(far, { activityId, user: buyer(10), quantity: 2 })).body.code).toBe(409405);
});

test('all buyers of a large sale are known', async () => {
  const activityId = await fixture.openActivity();
  const buyers = fixture.sales.streamOf(activityId).replace(':stream', ':buyers');
  const users = Array.from({ length: 5_000 }, (_, index) => String(500_000 + index));
  await fixture.redis.redis.hset(buyers, ...users.flatMap((user) => [user, '1:2:1::L']));

  const { redis } = fixture.redis;
  const found = await readBuyers({ redis, keys: createKeys(fixture.namespace, 'seckill') }, activityId);

  expect([...found].sort()).toEqual(users);
});
