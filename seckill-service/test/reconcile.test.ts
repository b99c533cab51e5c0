import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { seckillReserved } from '@onrush/proto';
import { errors } from '../src/errors';
import { newCourse, reconcile, reconcileAll, reconcileInTurn } from '../src/use-cases/reconcile';
import { activityBody } from './fixture';
import { startReconcileFixture, type ReconcileFixture } from './reconcile-fixture';

let fixture: ReconcileFixture;
beforeAll(async () => {
  fixture = await startReconcileFixture('reconcile', { handOverMs: 0 });
}, 60_000);
afterAll(() => fixture.stop());

const longAgo = new Date(Date.now() - 600_000);

test('a buyer’s record that is gone comes back, and its units stay taken', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  await fixture.sell(activityId, [1, 2]);
  await fixture.atRest(activityId);
  await fixture.redis.redis.hdel(fixture.key(activityId, 'buyers'), '1');

  const view = await fixture.repair(activityId);

  expect(view).toMatchObject({ status: 'BALANCED', epoch: 1, equation: { free: 8 } });
  expect(view.repairs).toMatchObject([{ kind: 'remembered', amount: 1 }]);
  expect((await fixture.buy(activityId, 1, { key: 'other' })).body.code).toBe(
    errors.overLimit.definition.code,
  );
  const again = await fixture.buy(activityId, 1);
  expect(again.body.data.reservation_id).toBe((await fixture.sales.reservationsOf(activityId, '1'))[0]?.id);
  expect((await fixture.repair(activityId)).repairs).toHaveLength(1);
});

test('a record is not put back into another epoch, nor for who has given it back', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = await fixture.sell(activityId, [1]);
  await fixture.atRest(activityId);
  await fixture.redis.redis.hdel(fixture.key(activityId, 'buyers'), '1');
  const activity = await fixture.activity(activityId);
  const purchase = {
    reservationId: bought.get(1)?.reservation_id ?? '',
    userId: '1',
    orderNo: bought.get(1)?.order_no ?? '',
    quantity: 1,
    key: '',
  };

  const inOther = await fixture.deps.upkeep.remember({ sale: activityId, epoch: 2 }, [purchase]);
  const inThis = await fixture.deps.upkeep.remember({ sale: activityId, epoch: activity.epoch }, [
    purchase,
    purchase,
  ]);

  expect([inOther, inThis]).toEqual([0, 1]);
});

test.each([
  ['RELEASED', 9],
  // It was beyond the total: its unit was never there.
  ['REJECTED', 8],
])('units that a %s reservation still holds in Redis are given back once', async (status, free) => {
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = await fixture.sell(activityId, [1, 2]);
  await fixture.atRest(activityId);
  await fixture.db.query('UPDATE reservations SET status = ?, updated_at = ? WHERE id = ?', [
    status,
    longAgo,
    bought.get(1)?.reservation_id,
  ]);
  await fixture.db.query('UPDATE activities SET sold = 1, total = total - ? WHERE id = ?', [
    9 - free,
    activityId,
  ]);

  const [first] = await Promise.all([fixture.repair(activityId), fixture.repair(activityId)]);

  expect(first).toMatchObject({ status: 'BALANCED', epoch: 1, equation: { free, queued: 1 } });
  expect(await fixture.sales.reservationsOf(activityId, '1')).toMatchObject([{ status: 'RELEASED' }]);
  expect((await fixture.reconciliation(activityId)).repairs).toMatchObject([{ kind: 'released', amount: 1 }]);
});

test('a release whose process died before Redis was told is in the equation, and is carried on', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = await fixture.sell(activityId, [1]);
  await fixture.atRest(activityId);
  const id = bought.get(1)?.reservation_id;
  await fixture.db.query(`UPDATE reservations SET status = 'RELEASED' WHERE id = ?`, [id]);
  await fixture.db.query('UPDATE activities SET sold = 0 WHERE id = ?', [activityId]);
  await fixture.db.query(
    'INSERT INTO pending_returns (reservation_id, activity_id, user_id, released_at) VALUES (?, ?, 1, ?)',
    [id, activityId, longAgo],
  );

  const before = await fixture.reconciliation(activityId);
  await reconcile(fixture.deps, await fixture.activity(activityId), newCourse());

  expect(before).toMatchObject({ status: 'BALANCED', equation: { free: 9, returning: 1, queued: 0 } });
  expect(await fixture.reconciliation(activityId)).toMatchObject({
    status: 'BALANCED',
    epoch: 1,
    equation: { free: 10, returning: 0 },
    repairs: [{ kind: 'released', amount: 1 }],
  });
  expect(await fixture.db.query('SELECT * FROM pending_returns')).toEqual([]);
});

test('what has had no order for too long is announced again, and not at each round', async () => {
  const announced = await fixture.kafka.collect(seckillReserved);
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = await fixture.sell(activityId, [1, 2]);
  await fixture.atRest(activityId);
  const id = bought.get(1)?.reservation_id ?? '';
  const times = () => announced.filter(({ payload }) => payload.reservation_id === id).length;
  await eventually(() => times() === 1);
  await fixture.db.query('UPDATE reservations SET reserved_at = ? WHERE id = ?', [longAgo, id]);
  const deps = { ...fixture.deps, republishAfterSeconds: 60 };
  const course = newCourse();

  for (let round = 0; round < 3; round += 1)
    await reconcile(deps, await fixture.activity(activityId), { ...course, countAt: 0 });

  await eventually(() => times() === 2);
  const again = announced.filter(({ payload }) => payload.reservation_id === id);
  expect(again[1]?.payload).toMatchObject({ order_no: bought.get(1)?.order_no, price: 12_800, quantity: 1 });
  const view = await fixture.reconciliation(activityId);
  expect(view.repairs).toMatchObject([{ kind: 'republished', amount: 1 }]);
});

test('a sale that takes long to look at rests for longer: the relay waits while it is looked at', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const activity = await fixture.activity(activityId);
  const course = newCourse();
  const began = performance.now();

  const first = await reconcileInTurn(fixture.deps, activity, course);
  const tookAtLeast = (performance.now() - began) / 2;
  const next = await reconcileInTurn(fixture.deps, activity, {
    ...course,
    restUntil: performance.now() + 60_000,
  });
  const later = await reconcileInTurn(fixture.deps, activity, { ...course, restUntil: performance.now() });

  expect([first, next, later].map((measured) => measured?.equation?.free)).toEqual([10, undefined, 10]);
  expect(course.restUntil - began).toBeGreaterThan(tookAtLeast * 20);
});

test('in the middle of a crowd a sale is not looked at, but for once a minute', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const activity = await fixture.activity(activityId);
  const lookAt = async (waiting: number, unlookedMs: number) => {
    const sales = { ...fixture.deps.sales, waitingInStream: () => Promise.resolve(waiting) };
    const course = { ...newCourse(), lookedAt: performance.now() - unlookedMs };
    return (await reconcileInTurn({ ...fixture.deps, sales }, activity, course)) && course;
  };

  expect(await lookAt(201, 59_000)).toBeUndefined();
  expect(await lookAt(200, 59_000)).toBeDefined();
  const course = await lookAt(201, 60_001);

  expect(performance.now() - (course?.lookedAt ?? 0)).toBeLessThan(30_000);
});

test('a difference that no repair ends is an error in the log, from the second round on, and nothing is rebuilt for it', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  await fixture.sell(activityId, [1]);
  await fixture.atRest(activityId);
  // Somebody deleted rows of the ledger: its counter says 1 more than they hold.
  await fixture.db.query('DELETE FROM reservations WHERE activity_id = ?', [activityId]);
  await fixture.redis.redis.hincrby(fixture.key(activityId, 'state'), 'stock', 0);
  const course = newCourse();
  const errorsOf = () =>
    fixture.log.filter(
      ({ level, activityId: id, msg }) => level === 'error' && id === activityId && /lasts/.test(String(msg)),
    );

  await reconcile(fixture.deps, await fixture.activity(activityId), { ...course });
  const afterOne = errorsOf().length;
  await reconcile(
    fixture.deps,
    await fixture.activity(activityId),
    Object.assign(course, { hadDifference: true }),
  );

  expect([afterOne, errorsOf().length]).toEqual([0, 1]);
  expect(await fixture.reconciliation(activityId)).toMatchObject({
    status: 'DIFFERENT',
    epoch: 1,
    differences: { stock: 0, ledger: -1 },
  });
});

test('who may see it may not repair; nothing is said of what is not there or not warmed up', async () => {
  const activityId = await fixture.openActivity();
  const at = (verb: string, id: string) =>
    `${verb === 'GET' ? 'GET' : 'POST'} /api/v1/admin/seckill/activities/${id}/${verb === 'GET' ? 'reconciliation' : 'repair'}`;
  const planned = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody(),
  });
  const reader = { ...buyer(1), permissions: ['seckill.read'] };
  const codeOf = async (verb: string, id: string, user = admin) =>
    (await fixture.http.call(at(verb, id), { user })).body.code;

  expect(await codeOf('GET', activityId, reader)).toBe(0);
  expect(await codeOf('POST', activityId, reader)).toBe(403400);
  for (const verb of ['GET', 'POST']) {
    expect(await codeOf(verb, '1')).toBe(errors.activityNotFound.definition.code);
    expect(await codeOf(verb, planned.body.data.id)).toBe(errors.notWarmedUp.definition.code);
  }
});

test('a sale that is drained is looked at, and not touched', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  await fixture.sell(activityId, [1]);
  await fixture.atRest(activityId);
  await fixture.db.query('UPDATE activities SET drained_at = ? WHERE id = ?', [new Date(), activityId]);
  await fixture.redis.redis.del(fixture.key(activityId, 'state'), fixture.key(activityId, 'buyers'));

  const { activity, equation } = await reconcileAll(fixture.deps, activityId);

  expect(equation).toBeUndefined();
  expect(activity.epoch).toBe(1);
  expect(await fixture.redis.redis.exists(fixture.key(activityId, 'state'))).toBe(0);
});
