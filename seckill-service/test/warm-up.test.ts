import { releaseTogether } from '@onrush/chassis/testing/gate';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { errors } from '../src/errors';
import { activityBody, startFixture, type Fixture } from './fixture';

interface Bought {
  order_no: string;
  reservation_id: string;
}
let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('warmup');
}, 60_000);
afterAll(() => fixture.stop());

const buy = (activityId: string, user: number) =>
  fixture.http.call<Bought>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: { quantity: 1 },
  });

const inLedger = (id: string) =>
  eventually(
    async () =>
      (await fixture.db.query<unknown[]>('SELECT 1 FROM reservations WHERE id = ?', [id])).length === 1,
  );

test('a warm-up that comes twice changes nothing', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  await buy(activityId, 7);

  const again = await fixture.http.call<{ remaining: number; epoch: number }>(
    `POST /api/v1/admin/seckill/warmup/${activityId}`,
    { user: admin },
  );

  expect(again.body.data).toMatchObject({ remaining: 9, epoch: 1 });
  expect(fixture.products.reserved.get(activityId)).toBe(10);
});

test('a sale that Redis lost is rebuilt from the ledger, buyers and all', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  const bought = (await buy(activityId, 8)).body.data;
  await inLedger(bought.reservation_id);
  const stream = fixture.sales.streamOf(activityId);
  await fixture.redis.redis.del(stream.replace(':stream', ':state'), stream.replace(':stream', ':buyers'));
  expect((await buy(activityId, 9)).body.code).toBe(errors.paused.definition.code);

  const rebuilt = await fixture.http.call<{ remaining: number; epoch: number }>(
    `POST /api/v1/admin/seckill/warmup/${activityId}`,
    { user: admin },
  );

  expect(rebuilt.body.data).toMatchObject({ remaining: 9, epoch: 2 });
  await eventually(async () => (await buy(activityId, 8)).body.code === errors.overLimit.definition.code);
});

test('a rebuilt sale knows all reservations of a buyer, however many others lie between', async () => {
  const activityId = await fixture.openActivity({ total: 2_000, per_user_limit: 2 });
  const now = new Date();
  const rows = Array.from({ length: 1_500 }, (_, index) => {
    const user = index === 0 || index === 1_499 ? 1 : 10_000 + index;
    return [String(900_000 + index), activityId, user, String(800_000 + index), 1, 'QUEUED', 'x', now, now];
  });
  await fixture.db.query(
    'INSERT INTO reservations (id, activity_id, user_id, order_no, quantity, status, batch_id, reserved_at, updated_at) VALUES ?',
    [rows],
  );
  const stream = fixture.sales.streamOf(activityId);
  await fixture.redis.redis.del(stream.replace(':stream', ':state'), stream.replace(':stream', ':buyers'));

  const rebuilt = await fixture.http.call<{ remaining: number }>(
    `POST /api/v1/admin/seckill/warmup/${activityId}`,
    { user: admin },
  );

  expect(rebuilt.body.data.remaining).toBe(500);
  expect(await fixture.sales.reservationsOf(activityId, '1')).toHaveLength(2);
  await eventually(async () => (await buy(activityId, 1)).body.code === errors.overLimit.definition.code);
});

test('a plan that changed after its units were reserved is not opened', async () => {
  const create = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody({ total: 10 }),
  });
  const { id } = create.body.data;
  // As after a warm-up that died between product-service and MySQL.
  fixture.products.reserved.set(id, 10);
  await fixture.db.query('UPDATE activities SET total = 1000 WHERE id = ?', [id]);

  const warm = await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });

  expect(warm.status).toBe(409);
  expect(await fixture.sales.read(id)).toBeUndefined();
});

test('20 warm-ups at once are one', async () => {
  const create = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody(),
  });
  const { id } = create.body.data;

  const answers = await releaseTogether(20, () =>
    fixture.http.call<{ epoch: number }>(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin }),
  );

  const epochs = answers.map((answer) =>
    answer.status === 'fulfilled' ? answer.value.body.data.epoch : answer.reason,
  );
  expect([...new Set(epochs)]).toEqual([1]);
});
