import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { seckillRejected } from '@onrush/proto';
import { errors } from '../src/errors';
import { giveBack } from '../src/use-cases/give-back';
import { measureStock } from '../src/use-cases/measure-stock';
import { rebuildSale } from '../src/use-cases/rebuild-sale';
import { recordPurchases, type RecordPurchases } from '../src/use-cases/record-purchases';
import { startReconcileFixture, type ReconcileFixture } from './reconcile-fixture';

let fixture: ReconcileFixture;
let relay: RecordPurchases;
beforeAll(async () => {
  fixture = await startReconcileFixture('stale', { handOverMs: 0 });
  relay = { ...fixture.deps, broker: fixture.kafka.broker, results: { tell: () => undefined } };
}, 60_000);
afterAll(() => fixture.stop());

/** As the relay holds it, after it has read an entry of that epoch. */
const purchase = (number: number, epoch: number, user = number) => ({
  reservationId: String(700_000 + number),
  orderNo: String(600_000 + number),
  userId: String(user),
  quantity: 1,
  key: '',
  epoch,
  reservedAt: new Date(),
});
const rebuild = async (activityId: string) =>
  rebuildSale(fixture.deps, await fixture.activity(activityId), 'difference');
const equationOf = async (activityId: string) =>
  (await measureStock(fixture.deps, activityId, { countRows: true })).equation;
const heldBy = (activityId: string, user: number) => fixture.sales.reservationsOf(activityId, String(user));

test('a batch that was accepted before the rebuild, and comes to the ledger after it, is taken in once', async () => {
  const activityId = await fixture.openActivity({ total: 10, per_user_limit: 2 });
  await rebuild(activityId);
  const late = [purchase(1, 1), purchase(2, 1)];

  await recordPurchases(relay, activityId, late);
  await recordPurchases(relay, activityId, late);

  expect(await equationOf(activityId)).toMatchObject({ free: 8, held: 2, difference: 0 });
  expect(await heldBy(activityId, 1)).toMatchObject([{ id: '700001', status: 'QUEUED' }]);
  expect((await fixture.buy(activityId, 1, { quantity: 2 })).body.code).toBe(
    errors.overLimit.definition.code,
  );
});

test('a relay that writes what it had read while the lost sale is rebuilt: no unit is lost, and none is counted twice', async () => {
  const activityId = await fixture.openActivity({ total: 1_000 });
  const parts = (['state', 'buyers', 'stream'] as const).map((part) => fixture.key(activityId, part));

  for (let round = 1; round <= 20; round += 1) {
    const seen = await fixture.activity(activityId);
    const batch = Array.from({ length: 10 }, (_, index) => purchase(1_000 + round * 10 + index, seen.epoch));
    await fixture.sales.buy(
      activityId,
      batch.map((one) => ({ ...one, activityId, idempotencyKey: '', tokenId: '' })),
    );
    await fixture.redis.redis.del(...parts);

    const answers = await releaseTogether<unknown>(4, (index) =>
      index === 0 ? rebuildSale(fixture.deps, seen, 'lost') : recordPurchases(relay, activityId, batch),
    );

    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
    // The service's own relay may have read them, too, and be on its way.
    await eventually(async () => {
      const equation = await equationOf(activityId);
      return equation?.held === round * 10 && equation.difference === 0;
    });
  }

  expect((await fixture.activity(activityId)).sold).toBe(200);
}, 60_000);

test('who has bought again meanwhile keeps the new purchase, and the old one is rejected, which the buyer can read', async () => {
  const rejected = await fixture.kafka.collect(seckillRejected);
  const activityId = await fixture.openActivity({ total: 10 });
  await rebuild(activityId);
  const again = (await fixture.buy(activityId, 21)).body.data;
  await fixture.atRest(activityId);

  await recordPurchases(relay, activityId, [purchase(20, 1, 21), purchase(22, 1)]);

  expect((await fixture.reservation('700020', 21)).body.data).toMatchObject({
    status: 'REJECTED',
    reason: 'over-limit',
  });
  expect((await fixture.reservation(again.reservation_id, 21)).body.data.status).toBe('QUEUED');
  expect((await fixture.reservation('700022', 22)).body.data.status).toBe('QUEUED');
  expect(await equationOf(activityId)).toMatchObject({ free: 8, held: 2, difference: 0 });
  await eventually(() => rejected.some(({ payload }) => payload.reservation_id === '700020'));
});

test('what was given back before it is taken in again gives its unit back once more', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const late = [purchase(30, 1)];
  await recordPurchases(relay, activityId, late);
  await giveBack(relay, '700030', 'timeout');
  await rebuild(activityId);

  await recordPurchases(relay, activityId, late);

  expect(await heldBy(activityId, 30)).toMatchObject([{ status: 'RELEASED' }]);
  expect(await equationOf(activityId)).toMatchObject({ free: 10, held: 0, difference: 0 });
});

test('a release that Redis hears of after the rebuild gives its unit back once', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = (await fixture.buy(activityId, 40)).body.data;
  await fixture.atRest(activityId);
  const id = bought.reservation_id;
  await giveBack(
    { ...relay, sales: { ...fixture.sales, release: () => Promise.resolve(false) } },
    id,
    'timeout',
  );
  await rebuild(activityId);

  await giveBack(relay, id, 'timeout');
  await giveBack(relay, id, 'timeout');

  expect(await equationOf(activityId)).toMatchObject({ free: 10, held: 0, difference: 0 });
});

test('of two who rebuild, the later fences the earlier out, whenever that one wakes up', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const { rebuild: store, upkeep } = fixture.deps;
  const first = { ...(await fixture.activity(activityId)), epoch: 4 };
  const second = { ...first, epoch: 5 };
  const opened = { status: 'OPEN', waiting: [], closedForMs: 0 };

  const fences = [await store.fence(first), await store.fence(second), await store.fence(first)];
  const during = await fixture.buy(activityId, 50);
  const early = await upkeep.adopt({ sale: activityId, epoch: second.epoch }, [purchase(51, 1)], {
    intoStream: true,
  });
  const stale = await store.open(first, { ...opened, stock: 99 });
  const fresh = await store.open(second, { ...opened, stock: 7 });
  const twice = await store.open(second, { ...opened, stock: 8 });

  expect(fences).toEqual([true, true, false]);
  expect(during.body.code).toBe(errors.paused.definition.code);
  expect(early).toBeUndefined();
  expect([stale, fresh, twice]).toEqual([false, true, false]);
  expect(await fixture.redis.redis.hget(fixture.key(activityId, 'state'), 'stock')).toBe('7');
});

test('nothing is adopted into another epoch than the one that was meant', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const { upkeep } = fixture.deps;

  const missed = await upkeep.adopt({ sale: activityId, epoch: 2 }, [purchase(60, 1)], { intoStream: true });

  expect(missed).toBeUndefined();
  expect(await heldBy(activityId, 60)).toEqual([]);
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 10 });
});

test('a rebuilt sale stays closed while purchases are handed over to it', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const { rebuild: store, upkeep } = fixture.deps;
  const next = { ...(await fixture.activity(activityId)), epoch: 9 };
  const heldUntil = async () =>
    Number(await fixture.redis.redis.hget(fixture.key(activityId, 'state'), 'held_until'));
  await store.fence(next);
  await store.open(next, { stock: 10, waiting: [], closedForMs: 200 });

  const before = await heldUntil();
  await upkeep.adopt({ sale: activityId, epoch: next.epoch }, [purchase(80, 1)], { intoStream: true });
  const after = await heldUntil();

  expect(after).toBeGreaterThan(before);
  expect(await fixture.sales.read(activityId)).toMatchObject({ isRebuilding: true, remaining: 9 });
});

test('entries of the version before, without a key, are recorded', async () => {
  const activityId = await fixture.openActivity({ total: 10 });

  await fixture.redis.redis.xadd(
    fixture.key(activityId, 'stream'),
    '*',
    'epoch',
    '1',
    '700070',
    '70:600070:2',
  );

  await eventually(async () => (await fixture.reservation('700070', 70)).body.data?.status === 'QUEUED');
  expect((await fixture.activity(activityId)).sold).toBe(2);
});
