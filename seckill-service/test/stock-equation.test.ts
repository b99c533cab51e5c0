import { setTimeout as pause } from 'node:timers/promises';
import { newEvent } from '@onrush/chassis/message-broker';
import { eventually } from '@onrush/chassis/testing/wait';
import { orderCancelled, orderCreated } from '@onrush/proto';
import { measureStock } from '../src/use-cases/measure-stock';
import { newCourse, reconcile } from '../src/use-cases/reconcile';
import { startReconcileFixture, usersFrom, type Bought, type ReconcileFixture } from './reconcile-fixture';

let fixture: ReconcileFixture;
beforeAll(async () => {
  fixture = await startReconcileFixture('equation', { handOverMs: 0 });
}, 60_000);
afterAll(() => fixture.stop());

/** What order-service would tell of it. */
const orderOf = ({ order_no, reservation_id }: Bought, user: number, activityId: string) => ({
  order_id: order_no,
  order_no,
  user_id: String(user),
  kind: 'SECKILL' as const,
  total_amount: 12_800,
  currency: 'CNY' as const,
  reservation_id,
  activity_id: activityId,
  items: [{ product_id: '77', name: 'Ticket', price: 12_800, quantity: 1 }],
  reason: null,
  at: new Date().toISOString(),
});

const entryOf = (activityId: string, user: number) => ({
  activityId,
  userId: String(user),
  quantity: 1,
  idempotencyKey: '',
  reservationId: String(910_000_000 + user),
  orderNo: String(920_000_000 + user),
  tokenId: '',
});

test('the equation has every unit once, wherever it is', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = await fixture.sell(activityId, [1, 2, 3]);
  await fixture.atRest(activityId);
  const ordered = bought.get(1);
  if (!ordered) throw new Error('not bought');
  await fixture.kafka.broker.publish([
    newEvent(orderCreated, ordered.order_no, orderOf(ordered, 1, activityId)),
  ]);
  await eventually(async () => (await fixture.reconciliation(activityId)).equation.ordered === 1);
  await fixture.stopService();
  await fixture.sales.buy(activityId, [entryOf(activityId, 4), entryOf(activityId, 5)]);

  const { activity, equation, ledger } = await measureStock(fixture.deps, activityId, { countRows: true });

  expect(equation).toEqual({
    total: 10,
    free: 5,
    inStream: 2,
    held: 3,
    returning: 0,
    difference: 0,
    excess: 0,
  });
  expect(ledger).toMatchObject({ queued: 2, ordered: 1 });
  expect(activity.sold).toBe(3);
  await fixture.restart();
  expect(await fixture.atRest(activityId)).toMatchObject({
    status: 'BALANCED',
    epoch: 1,
    redis_epoch: 1,
    equation: { total: 10, free: 5, in_stream: 0, queued: 4, ordered: 1, returning: 0 },
    differences: { stock: 0, ledger: 0, excess: 0 },
    repairs: [],
  });
});

test('a running sale, with purchases and cancellations, never shows a difference', async () => {
  const activityId = await fixture.openActivity({ total: 3_000 });
  let isOver = false;
  let measurements = 0;
  let withUnitsOnTheirWay = 0;
  const wrong: unknown[] = [];
  const watching = (async () => {
    while (!isOver) {
      const { equation } = await measureStock(fixture.deps, activityId, {
        countRows: measurements % 10 === 0,
      });
      measurements += 1;
      if (equation?.difference !== 0 || equation.excess !== 0) wrong.push(equation);
      if (equation && equation.inStream + equation.returning > 0) withUnitsOnTheirWay += 1;
      // Whoever measures holds up the ledger, and the sale is to go on.
      await pause(10);
    }
  })();

  await Promise.all([fixture.sell(activityId, usersFrom(1_000, 3_500)), cancelUntil(activityId, 700)]);
  await fixture.atRest(activityId);
  isOver = true;
  await watching;

  expect(wrong).toEqual([]);
  expect(withUnitsOnTheirWay).toBeGreaterThan(5);
  expect((await fixture.atRest(activityId)).status).toBe('BALANCED');
}, 120_000);

/** Cancels what comes to the ledger, as order-service would, until so many are released. */
async function cancelUntil(activityId: string, wanted: number): Promise<void> {
  const cancelled = new Set<string>();
  const rowsOf = (status: string) =>
    fixture.db.query<{ id: string; user_id: string; order_no: string }[]>(
      'SELECT id, user_id, order_no FROM reservations WHERE activity_id = ? AND status = ? LIMIT 1000',
      [activityId, status],
    );
  await eventually(
    async () => {
      const queued = (await rowsOf('QUEUED')).filter(({ id }) => !cancelled.has(id));
      for (const { id, user_id, order_no } of queued.slice(0, 50)) {
        cancelled.add(id);
        const told = orderOf({ reservation_id: id, order_no }, Number(user_id), activityId);
        await fixture.kafka.broker.publish([newEvent(orderCancelled, order_no, told)]);
      }
      return (await rowsOf('RELEASED')).length >= wanted;
    },
    { timeoutMs: 100_000 },
  );
}

test.each([50, -50])(
  'a stock that somebody changed by %i in the middle of a sale is found and put right while the sale goes on',
  async (change) => {
    const activityId = await fixture.openActivity({ total: 4_000 });
    let bought = 0;

    const rush = fixture.sell(activityId, usersFrom(1_000, 3_000), () => void (bought += 1));
    await eventually(() => bought > 200, { everyMs: 1, timeoutMs: 30_000 });
    await fixture.redis.redis.hincrby(fixture.key(activityId, 'state'), 'stock', change);
    const measured = await reconcile(fixture.deps, await fixture.activity(activityId), newCourse());
    await rush;
    const last = await fixture.sell(activityId, usersFrom(10_000, 1_100));

    expect(measured).toMatchObject({ activity: { epoch: 2 }, equation: { difference: 0 } });
    expect([bought, last.size]).toEqual([3_000, 1_000]);
    const view = await fixture.atRest(activityId);
    expect(view).toMatchObject({
      status: 'BALANCED',
      epoch: 2,
      equation: { free: 0, queued: 4_000 },
      repairs: [{ kind: 'rebuilt', reason: 'difference' }],
    });
  },
  120_000,
);

test('what was sold beyond the total before anybody noticed is rejected, and the sale is in balance again', async () => {
  const activityId = await fixture.openActivity({ total: 20 });
  await fixture.restart({ role: 'api' });
  await fixture.redis.redis.hincrby(fixture.key(activityId, 'state'), 'stock', 5);
  const accepted = await fixture.sell(activityId, usersFrom(1, 24));

  const waiting = await fixture.sales.waitingInStream(activityId);
  const measured = await reconcile(fixture.deps, await fixture.activity(activityId), newCourse());
  const waitingThen = await fixture.sales.waitingInStream(activityId);
  const left = await fixture.buyAtLast(activityId, 100);
  await fixture.restart();

  expect(measured.equation).toMatchObject({ free: 0, inStream: 24, difference: 0, excess: 4 });
  expect(waitingThen).toBe(waiting);
  expect(left).toBeUndefined();
  const view = await fixture.atRest(activityId);
  expect(view).toMatchObject({ status: 'BALANCED', equation: { free: 0, queued: 20 } });
  const ends = await Promise.all(
    [...accepted].map(
      async ([user, { reservation_id: id }]) => (await fixture.reservation(id, user)).body.data,
    ),
  );
  expect(ends.filter(({ status }) => status === 'QUEUED')).toHaveLength(20);
  expect(ends.filter(({ status, reason }) => status === 'REJECTED' && reason === 'sold-out')).toHaveLength(4);
});

test('two reconcilers at once do no harm', async () => {
  const activityId = await fixture.openActivity({ total: 2_000 });
  await Promise.all([1, 2].map(() => fixture.startWorker({ reconcileSeconds: 1 })));
  let bought = 0;

  const rush = fixture.sell(activityId, usersFrom(1_000, 1_500), () => void (bought += 1));
  await eventually(() => bought > 100, { everyMs: 1, timeoutMs: 30_000 });
  await fixture.redis.redis.hincrby(fixture.key(activityId, 'state'), 'stock', 30);
  await fixture.redis.redis.hdel(fixture.key(activityId, 'buyers'), '1000', '1001', '1002');
  await rush;
  const view = await eventually(
    async () => {
      const now = await fixture.reconciliation(activityId);
      return now.status === 'BALANCED' && now.equation.in_stream === 0 && now.epoch > 1 && now;
    },
    { timeoutMs: 40_000 },
  );
  const last = await fixture.sell(activityId, usersFrom(10_000, 600));

  expect(view.equation).toMatchObject({ free: 500, queued: 1_500 });
  expect(await fixture.sales.reservationsOf(activityId, '1001')).toMatchObject([{ status: 'QUEUED' }]);
  expect(last.size).toBe(500);
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { queued: 2_000 } });
}, 120_000);
