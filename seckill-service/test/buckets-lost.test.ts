import { eventually } from '@onrush/chassis/testing/wait';
import { salesOf } from '../src/domain/bucket';
import { errors } from '../src/errors';
import { rebuildSale } from '../src/use-cases/rebuild-sale';
import { settleReturns } from '../src/use-cases/repair-records';
import { buckets, startBucketFixture, type BucketFixture } from './bucket-fixture';
import { usersFrom, type Bought } from './reconcile-fixture';

const { soldOut } = errors;

/** A second is promised; whoever waited for a server that does not answer would wait until it does. */
const longestAnswerMs = 1_000 + 9_000;
let fixture: BucketFixture;
beforeAll(async () => {
  fixture = await startBucketFixture('bucketslost', { handOverMs: 3_000 });
}, 60_000);
afterAll(() => fixture.stop());

const memberOf = (activityId: string, bucket: number) =>
  fixture.cluster.memberOf(fixture.keyOf(activityId, bucket));
const isRebuilt = (activityId: string) =>
  eventually(async () => (await fixture.sales.read(activityId))?.epoch === 2, { timeoutMs: 10_000 });
const purchaseOf = (user: number) => ({
  reservationId: String(900_000 + user),
  userId: String(user),
  orderNo: String(800_000 + user),
  quantity: 1,
  key: '',
});
const ownersOf = async (activityId: string) => {
  const rows = await fixture.db.query<{ id: string }[]>(
    `SELECT id FROM reservations WHERE activity_id = ? AND status = 'QUEUED'`,
    [activityId],
  );
  return new Set(rows.map(({ id }) => id));
};

test('the guard carries on what a mover left between two buckets', async () => {
  const activityId = await fixture.openActivity({ total: 3 });

  await fixture.take(activityId, 0, 2);

  await eventually(async () => (await fixture.free(activityId)).join() === '0,1,2');
  expect(await fixture.reconciliation(activityId)).toMatchObject({ status: 'BALANCED', epoch: 1 });
});

test('a server that is killed takes only its bucket with it: 503 at once, nobody hears "sold out", and it goes on', async () => {
  const activityId = await fixture.openActivity({ total: 30 });
  const lost = await memberOf(activityId, 1);
  await fixture.codesOf(activityId, usersFrom(100_000, 6));

  await lost.kill();
  const began = performance.now();
  const [user = 0] = fixture.usersOf(activityId, 1, 1);
  const refused = await fixture.buy(activityId, user);
  const took = performance.now() - began;
  const others = [...fixture.usersOf(activityId, 0, 3), ...fixture.usersOf(activityId, 2, 3)];
  const sold = await fixture.codesOf(activityId, others);
  // More than the two others have.
  const uncertain = await fixture.codesOf(activityId, fixture.usersOf(activityId, 0, 30));

  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(took).toBeLessThan(longestAnswerMs);
  expect(sold).toEqual(Array(6).fill(0));
  expect(uncertain).not.toContain(soldOut.definition.code);
  await lost.start();
  await fixture.cluster.whole();

  expect(await fixture.buyAtLast(activityId, user)).toBeDefined();
  await fixture.sell(activityId, usersFrom(110_000, 30));
  expect(await fixture.atRest(activityId)).toMatchObject({
    status: 'BALANCED',
    epoch: 1,
    equation: { total: 30, free: 0, queued: 30 },
  });
}, 40_000);

test('what a server that is away cannot be told of releases waits for it, and what others can does not', async () => {
  const activityId = await fixture.openActivity({ total: 9 });
  const users = [0, 1].map((bucket) => fixture.usersOf(activityId, bucket, 1)[0] ?? 0);
  const bought = await fixture.sell(activityId, users);
  await fixture.atRest(activityId);
  const ids = users.map((user) => bought.get(user)?.reservation_id ?? '');
  await fixture.db.query(`UPDATE reservations SET status = 'RELEASED' WHERE id IN (?)`, [ids]);
  await fixture.db.query('UPDATE activities SET sold = 0 WHERE id = ?', [activityId]);
  await fixture.db.query('INSERT INTO pending_returns VALUES ?', [
    users.map((user, index) => [ids[index], activityId, user, new Date()]),
  ]);
  const lost = await memberOf(activityId, 1);

  await lost.kill();
  await settleReturns(fixture.deps);
  const [row, ...others] = await fixture.db.query<{ reservation_id: string }[]>(
    'SELECT reservation_id FROM pending_returns WHERE activity_id = ?',
    [activityId],
  );
  await lost.start();
  await fixture.cluster.whole();
  await eventually(async () => {
    await settleReturns(fixture.deps);
    return (await fixture.free(activityId)).join() === '3,3,3';
  });

  expect([row?.reservation_id, others.length]).toEqual([ids[1], 0]);
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', epoch: 1 });
});

test('a server that hangs keeps nobody longer than a second, and the buyers of others not at all', async () => {
  const activityId = await fixture.openActivity({ total: 30 });
  const hung = await memberOf(activityId, 2);
  await fixture.codesOf(activityId, usersFrom(120_000, 6));
  const timed = async (user: number, of = activityId) => {
    const began = performance.now();
    const { status } = await fixture.buy(of, user);
    return { status, took: performance.now() - began };
  };
  const users = Array.from(
    { length: buckets },
    (_, bucket) => fixture.usersOf(activityId, bucket, 1)[0] ?? 0,
  );

  const empty = await fixture.openActivity({ total: 3 });
  await fixture.codesOf(
    empty,
    [0, 1].flatMap((bucket) => fixture.usersOf(empty, bucket, 1)),
  );

  hung.freeze();
  const answers = await Promise.all(users.map((user) => timed(user)));
  // What they want is where nobody answers.
  const uncertain = await Promise.all(
    [0, 0, 1, 1].map((bucket) => timed(fixture.usersOf(empty, bucket, 1)[0] ?? 0, empty)),
  );
  hung.thaw();

  expect(answers.map(({ status }) => status)).toEqual([202, 202, 503]);
  const [first = 0, second = 0, waiting = 0] = answers.map(({ took }) => took);
  expect(waiting).toBeLessThan(longestAnswerMs);
  expect(Math.max(first, second)).toBeLessThan(waiting);
  expect(uncertain.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
  expect(Math.max(...uncertain.map(({ took }) => took))).toBeLessThan(longestAnswerMs);
  await fixture.cluster.whole();
  expect(await fixture.buyAtLast(activityId, users[2] ?? 0)).toBeDefined();
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED' });
}, 30_000);

test('a server that comes back empty: the sale is rebuilt in all buckets, and whoever was told yes has a ticket', async () => {
  const activityId = await fixture.openActivity({ total: 300 });
  const accepted = new Map<number, Bought>();
  const rush = fixture.sell(activityId, usersFrom(130_000, 400), (user, bought) => {
    accepted.set(user, bought);
  });
  await eventually(() => accepted.size > 80, { everyMs: 1 });
  const lost = await memberOf(activityId, 0);

  await lost.kill();
  await lost.start({ empty: true });
  await rush;
  await isRebuilt(activityId);

  expect(accepted.size).toBe(300);
  const view = await fixture.atRest(activityId);
  expect(view).toMatchObject({
    status: 'BALANCED',
    epoch: 2,
    equation: { total: 300, free: 0, queued: 300 },
    differences: { stock: 0, ledger: 0, excess: 0 },
  });
  expect(view.repairs.map(({ kind }) => kind)).toContain('rebuilt');
  const owners = await ownersOf(activityId);
  expect([...accepted.values()].filter(({ reservation_id }) => !owners.has(reservation_id))).toEqual([]);
}, 60_000);

test('a bucket that has forgotten what it sent does not sell it twice', async () => {
  const activityId = await fixture.openActivity({ total: 9 });
  const { redis } = fixture.redis;
  const state = fixture.keyOf(activityId, 0);
  const before = await redis.hgetall(state);
  const sent = await fixture.take(activityId, 0, 1);
  await fixture.give(activityId, 0, 1, sent);

  await redis.multi().del(state).hset(state, before).exec();

  await isRebuilt(activityId);
  expect(await fixture.free(activityId)).toEqual([3, 3, 3]);
  expect((await fixture.reconciliation(activityId)).repairs[0]).toMatchObject({ reason: 'went-back' });
});

test('while one bucket adopts purchases after a rebuild, the others stay closed', async () => {
  const activityId = await fixture.openActivity({ total: 9 });
  await rebuildSale({ ...fixture.deps, handOverMs: 300 }, await fixture.activity(activityId), 'difference');
  const [sale = ''] = salesOf({ id: activityId, buckets });
  const heldUntil = async (bucket: number) =>
    Number(await fixture.redis.redis.hget(fixture.keyOf(activityId, bucket), 'held_until'));
  const before = await heldUntil(1);

  await fixture.bucketUpkeep.adopt(
    { sale, epoch: 2 },
    [purchaseOf(fixture.usersOf(activityId, 0, 1)[0] ?? 0)],
    { intoStream: true },
  );

  expect(await heldUntil(1)).toBeGreaterThan(before);
});

test('what one bucket adopts after a rebuild comes out of the others where it has too few', async () => {
  const activityId = await fixture.openActivity({ total: 9 });
  const [sale = ''] = salesOf({ id: activityId, buckets });
  await fixture.stopService();
  const purchases = fixture.usersOf(activityId, 0, 7).map(purchaseOf);

  await fixture.bucketUpkeep.adopt({ sale, epoch: 1 }, purchases, { intoStream: true });

  const free = await fixture.free(activityId);
  expect(free.reduce((sum, units) => sum + units, 0)).toBe(2);
  expect(Math.min(...free)).toBeGreaterThanOrEqual(0);
  // It has the buckets that it was warmed up with.
  await fixture.restart({ stockBuckets: 1 });
  expect(await fixture.atRest(activityId)).toMatchObject({
    status: 'BALANCED',
    epoch: 1,
    equation: { free: 2, queued: 7 },
  });
});
