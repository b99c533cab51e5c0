import { eventually } from '@onrush/chassis/testing/wait';
import { errors } from '../src/errors';
import {
  longestPauseMs,
  startReconcileFixture,
  takeRedisDatabase,
  usersFrom,
  type ReconcileFixture,
} from './reconcile-fixture';

let fixture: ReconcileFixture;
beforeAll(async () => {
  takeRedisDatabase(11);
  fixture = await startReconcileFixture('redislost', { guardMs: 1_000, handOverMs: 1_500 });
}, 60_000);
afterAll(() => fixture.stop());

const flush = () => fixture.redis.redis.flushdb();
const statuses = async (activityId: string) => {
  const rows = await fixture.db.query<{ id: string; status: string; reason: string | null }[]>(
    'SELECT id, status, reason FROM reservations WHERE activity_id = ?',
    [activityId],
  );
  return new Map(rows.map((row) => [row.id, row.status]));
};

test('Redis emptied in the middle of a sale: it pauses, is rebuilt, goes on, and everybody who was told yes has a ticket', async () => {
  const total = 3_000;
  const activityId = await fixture.openActivity({ total });
  const acceptedAt: number[] = [];

  const rush = fixture.sell(
    activityId,
    usersFrom(1_000, 4_000),
    () => void acceptedAt.push(performance.now()),
  );
  await eventually(() => acceptedAt.length > 800, { everyMs: 1, timeoutMs: 30_000 });
  await flush();
  const flushedAt = performance.now();
  const accepted = await rush;

  expect(accepted.size).toBe(total);
  const resumedAfterMs = Math.min(...acceptedAt.filter((at) => at > flushedAt + 500)) - flushedAt;
  expect(resumedAfterMs).toBeLessThan(longestPauseMs);
  const view = await fixture.atRest(activityId);
  expect(view).toMatchObject({
    status: 'BALANCED',
    epoch: 2,
    equation: { total, free: 0, queued: total, ordered: 0 },
    differences: { stock: 0, ledger: 0, excess: 0 },
  });
  const written = await statuses(activityId);
  const lost = [...accepted.values()].filter((bought) => written.get(bought.reservation_id) !== 'QUEUED');
  expect(lost).toEqual([]);
  expect(written.size).toBe(total);
}, 60_000);

test('what only the process knows that accepted it goes into the rebuilt sale, before anybody else buys', async () => {
  const activityId = await fixture.openActivity({ total: 2_000 });
  await fixture.restart({ role: 'api' });
  const accepted = await fixture.sell(activityId, usersFrom(1_000, 1_999));
  expect(await fixture.sales.waitingInStream(activityId)).toBeGreaterThan(0);

  await flush();
  const during = await fixture.buy(activityId, 1);
  const asked = await fixture.reservation(accepted.get(1_000)?.reservation_id ?? '', 1_000);
  const worker = await fixture.startWorker();
  const last = await fixture.buyAtLast(activityId, 2);

  expect(during.body.code).toBe(errors.paused.definition.code);
  expect(asked.status).toBe(503);
  expect(last).toBeDefined();
  expect(await fixture.buyAtLast(activityId, 3)).toBeUndefined();
  const view = await fixture.atRest(activityId);
  expect(view).toMatchObject({ status: 'BALANCED', epoch: 2, equation: { free: 0, queued: 2_000 } });
  expect(view.repairs.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['rebuilt', 'handed-over']));
  expect((await fixture.reservation(accepted.get(1_000)?.reservation_id ?? '', 1_000)).body.data.status).toBe(
    'QUEUED',
  );
  expect((await fixture.reservation('77', 1_000)).status).toBe(404);
  await worker.stop();
  await fixture.restart();
}, 60_000);

test('a sale that is over is not struck off while Redis has lost it: what was accepted comes to the ledger first', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  await fixture.restart({ role: 'api' });
  const bought = await fixture.sell(activityId, [1]);
  await fixture.db.query('UPDATE activities SET ends_at = ? WHERE id = ?', [
    new Date(Date.now() - 600_000),
    activityId,
  ]);

  await flush();
  const worker = await fixture.startWorker();

  await eventually(async () => (await fixture.activity(activityId)).drainedAt !== null, {
    timeoutMs: 20_000,
  });
  expect(await statuses(activityId)).toEqual(new Map([[bought.get(1)?.reservation_id, 'QUEUED']]));
  await worker.stop();
  await fixture.restart();
}, 40_000);

test('the same Idempotency-Key gets the same answer after Redis was lost, given back or not', async () => {
  const activityId = await fixture.openActivity({ total: 10, per_user_limit: 2 });
  const first = (await fixture.buy(activityId, 5, { key: 'first~try' })).body.data;
  const cancelled = (await fixture.buy(activityId, 5, { key: 'cancelled' })).body.data;
  await fixture.atRest(activityId);
  await fixture.db.query(`UPDATE reservations SET status = 'RELEASED' WHERE id = ?`, [
    cancelled.reservation_id,
  ]);
  await fixture.db.query('UPDATE activities SET sold = 1 WHERE id = ?', [activityId]);

  await flush();
  await fixture.isBack(activityId, 2);

  expect((await fixture.buy(activityId, 5, { key: 'first~try' })).body.data).toEqual(first);
  expect((await fixture.buy(activityId, 5, { key: 'cancelled' })).body.data).toEqual(cancelled);
  const other = await eventually(async () => {
    const answer = await fixture.buy(activityId, 5, { key: 'other' });
    return answer.status === 202 && answer;
  });
  expect(other.body.data).not.toEqual(first);
  expect((await fixture.buy(activityId, 5, { key: 'one-more' })).body.code).toBe(
    errors.overLimit.definition.code,
  );
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { free: 8 } });
});

test('a replica that had fallen behind: what it forgot comes back, and nobody buys twice', async () => {
  const { redis } = fixture.redis;
  const activityId = await fixture.openActivity({ total: 500 });
  const before = await fixture.sell(activityId, usersFrom(1_000, 100));
  await fixture.atRest(activityId);
  const parts = (['state', 'buyers', 'stream'] as const).map((part) => fixture.key(activityId, part));
  const dumps = await Promise.all(parts.map((part) => redis.dumpBuffer(part)));
  const after = await fixture.sell(activityId, usersFrom(2_000, 300));
  await fixture.atRest(activityId);

  const restore = redis.multi();
  parts.forEach((part, index) => restore.restore(part, 0, dumps[index] ?? '', 'REPLACE'));
  await restore.exec();
  await fixture.isBack(activityId, 2);

  const again = await eventually(async () => {
    const answer = await fixture.buy(activityId, 2_000, { key: 'again' });
    return answer.body.code !== errors.paused.definition.code && answer;
  });
  expect(again.body.code).toBe(errors.overLimit.definition.code);
  const view = await fixture.atRest(activityId);
  expect(view).toMatchObject({ status: 'BALANCED', equation: { free: 100, queued: 400 } });
  expect(view.repairs[0]).toMatchObject({ kind: 'rebuilt', reason: 'went-back' });
  expect(before.size + after.size).toBe(400);
}, 60_000);

test.each([
  ['an older epoch', 'epoch', '0', 'lost'],
  ['an epoch that is none', 'epoch', 'first', 'lost'],
  ['a stock that is no number', 'stock', 'abc', 'damaged'],
  ['a stock below nothing', 'stock', '-3', 'damaged'],
])('%s is rebuilt by itself', async (_name, field, value, reason) => {
  const activityId = await fixture.openActivity({ total: 10 });
  await fixture.buy(activityId, 1);
  await fixture.atRest(activityId);

  await fixture.redis.redis.hset(fixture.key(activityId, 'state'), field, value);
  const during = await fixture.buy(activityId, 2);
  await fixture.isBack(activityId, 2);

  if (value !== '0') expect(during.status).not.toBe(202);
  expect(await fixture.buyAtLast(activityId, 2)).toBeDefined();
  const view = await fixture.atRest(activityId);
  expect(view).toMatchObject({ status: 'BALANCED', equation: { total: 10, free: 8, queued: 2 } });
  expect(view.repairs.at(-1)).toMatchObject({ kind: 'rebuilt', reason });
});

test.each([
  ['their buyers', 'buyers'],
  ['their stream', 'stream'],
] as const)('a sale that lost %s gets them back', async (_name, part) => {
  const activityId = await fixture.openActivity({ total: 10 });
  await fixture.sell(activityId, [1, 2, 3]);
  await fixture.atRest(activityId);

  await fixture.redis.redis.del(fixture.key(activityId, part));
  await fixture.isBack(activityId, 2);

  expect(await fixture.sales.reservationsOf(activityId, '2')).toMatchObject([{ status: 'QUEUED' }]);
  expect(await fixture.buyAtLast(activityId, 4)).toBeDefined();
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { free: 6 } });
});

test('purchases whose entries somebody deleted are found in what their buyers hold', async () => {
  const activityId = await fixture.openActivity({ total: 100 });
  await fixture.sell(activityId, [1]);
  await fixture.atRest(activityId);
  await fixture.stopService();
  const purchases = usersFrom(2, 30).map((user) => ({
    activityId,
    userId: String(user),
    quantity: 1,
    idempotencyKey: 'k',
    reservationId: String(900_000 + user),
    orderNo: String(800_000 + user),
    tokenId: '',
  }));
  await fixture.sales.buy(activityId, purchases);
  await fixture.redis.redis.xtrim(fixture.key(activityId, 'stream'), 'MAXLEN', 0);

  await fixture.restart({ reconcileSeconds: 1 });

  const view = await eventually(async () => {
    const now = await fixture.reconciliation(activityId);
    return now.equation.queued === 31 && now.status === 'BALANCED' && now;
  });
  expect(view).toMatchObject({ epoch: 2, equation: { free: 69 } });
  expect((await fixture.reservation('900002', 2)).body.data.status).toBe('QUEUED');
  await fixture.restart();
}, 30_000);
