import { captureCall } from '@onrush/chassis/testing/captured-call';
import { newEvent } from '@onrush/chassis/message-broker';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import {
  orderCancelled,
  orderCreated,
  seckillRejected,
  seckillReleased,
  seckillService,
  type OrderEvent,
} from '@onrush/proto';
import { startFixture, type Fixture } from './fixture';

interface Bought {
  order_no: string;
  reservation_id: string;
}
interface ReservationView {
  id: string;
  status: string;
  order_id: string | null;
  reason: string | null;
}

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('flow');
}, 60_000);
afterAll(() => fixture.stop());

const buy = (activityId: string, user: number, key?: string, quantity = 1) =>
  fixture.http.call<Bought>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: { quantity },
    ...(key && { headers: { 'idempotency-key': key } }),
  });

const reservation = (id: string, user: number) =>
  fixture.http.call<ReservationView>(`GET /api/v1/seckill/reservations/${id}`, { user: buyer(user) });
const soldOf = async (activityId: string) =>
  (await fixture.db.query<{ sold: number }[]>('SELECT sold FROM activities WHERE id = ?', [activityId]))[0]
    ?.sold;
const inLedger = (id: string) =>
  eventually(
    async () =>
      (await fixture.db.query<unknown[]>('SELECT 1 FROM reservations WHERE id = ?', [id])).length === 1,
  );

const orderEvent = (
  activityId: string,
  { order_no, reservation_id }: Bought,
  user: number,
  reason: string | null = null,
): OrderEvent => ({
  order_id: order_no,
  order_no,
  user_id: String(user),
  kind: 'SECKILL',
  total_amount: 12_800,
  currency: 'CNY',
  reservation_id,
  activity_id: activityId,
  items: [{ product_id: '77', name: 'Ticket', price: 12_800, quantity: 1 }],
  reason,
  at: new Date().toISOString(),
});

test('the same key gets the same answer, another quantity under it is refused, and a second try is over the limit', async () => {
  const activityId = await fixture.openActivity({ per_user_limit: 2 });

  const first = await buy(activityId, 1, 'k1');
  const again = await buy(activityId, 1, 'k1');
  const other = await buy(activityId, 1, 'k1', 2);
  const beyond = await buy(activityId, 1, 'k2', 2);

  expect(again.body.data).toEqual(first.body.data);
  expect(other.body.code).toBe(422401);
  expect(beyond.body.code).toBe(409405);
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 99 });
});

test('500 parallel requests under one key are one purchase, with one answer', async () => {
  const activityId = await fixture.openActivity({ per_user_limit: 5 });

  const answers = await releaseTogether(500, () => buy(activityId, 2, 'same'));

  const numbers = answers.map((answer) =>
    answer.status === 'fulfilled' ? answer.value.body.data.reservation_id : 'failed',
  );
  expect(new Set(numbers).size).toBe(1);
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 99 });
});

test('a reservation is QUEUED, then ORDERED when its order exists; another user does not see it', async () => {
  const activityId = await fixture.openActivity();
  const bought = (await buy(activityId, 3)).body.data;

  expect((await reservation(bought.reservation_id, 3)).body.data).toMatchObject({
    status: 'QUEUED',
    order_id: null,
  });
  expect((await reservation(bought.reservation_id, 4)).status).toBe(404);
  await inLedger(bought.reservation_id);
  await fixture.kafka.broker.publish([
    newEvent(orderCreated, bought.order_no, orderEvent(activityId, bought, 3)),
  ]);

  await eventually(async () => (await reservation(bought.reservation_id, 3)).body.data.status === 'ORDERED');
  const mine = await fixture.http.call<{ items: ReservationView[] }>(
    `GET /api/v1/seckill/activities/${activityId}/reservations`,
    { user: buyer(3) },
  );
  expect(mine.body.data.items).toMatchObject([
    { id: bought.reservation_id, status: 'ORDERED', order_id: bought.order_no },
  ]);
});

test('a cancelled order gives unit and right back once, however often it is told', async () => {
  const released = await fixture.kafka.collect(seckillReleased);
  const activityId = await fixture.openActivity({ total: 1 });
  const bought = (await buy(activityId, 5, 'first')).body.data;
  await inLedger(bought.reservation_id);
  const told = orderEvent(activityId, bought, 5, 'timeout');

  await fixture.kafka.broker.publish([1, 2, 3].map(() => newEvent(orderCancelled, bought.order_no, told)));

  await eventually(async () => (await fixture.sales.read(activityId))?.remaining === 1);
  expect((await reservation(bought.reservation_id, 5)).body.data).toMatchObject({
    status: 'RELEASED',
    reason: 'timeout',
  });
  const second = await buy(activityId, 5, 'second');
  expect(second.status).toBe(202);
  expect((await buy(activityId, 5, 'first')).body.data).toEqual(bought);
  await eventually(
    () => released.filter(({ payload }) => payload.reservation_id === bought.reservation_id).length === 1,
  );
  await eventually(async () => (await soldOf(activityId)) === 1);
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 0 });
});

test('before the start, after the end, and without a warm-up nothing is sold', async () => {
  const soon = new Date(Date.now() + 3_000_000).toISOString();
  const early = await fixture.openActivity({ starts_at: soon });
  const over = await fixture.openActivity();
  await fixture.redis.redis.hset(
    fixture.sales.streamOf(over).replace(':stream', ':state'),
    'ends_at',
    Date.now() - 1,
  );
  const paused = await fixture.openActivity();
  await fixture.redis.redis.hset(
    fixture.sales.streamOf(paused).replace(':stream', ':state'),
    'status',
    'PAUSED',
  );

  expect((await buy(early, 6)).body.code).toBe(409401);
  expect((await buy(over, 6)).body.code).toBe(409403);
  expect((await buy(paused, 6)).body.code).toBe(409402);
  expect((await buy('999999999', 6)).body.code).toBe(404401);
});

test('what the ledger cannot hold is rejected, and the buyer may try again', async () => {
  const rejected = await fixture.kafka.collect(seckillRejected);
  const activityId = await fixture.openActivity({ total: 1 });
  await fixture.redis.redis.hset(fixture.sales.streamOf(activityId).replace(':stream', ':state'), 'stock', 3);

  const answers = [await buy(activityId, 10), await buy(activityId, 11), await buy(activityId, 12)];

  expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202]);
  await eventually(() => rejected.length === 2);
  expect(await soldOf(activityId)).toBe(1);
  const statuses = await Promise.all(
    answers.map(
      async ({ body }, index) => (await reservation(body.data.reservation_id, 10 + index)).body.data.status,
    ),
  );
  expect(statuses.sort()).toEqual(['QUEUED', 'REJECTED', 'REJECTED']);
  await eventually(
    async () =>
      (await fixture.sales.reservationsOf(activityId, rejected[0]?.payload.user_id ?? ''))[0]?.status ===
      'RELEASED',
  );
});

test('purchases that were accepted while the relay was down reach the ledger after the restart', async () => {
  const activityId = await fixture.openActivity();
  await fixture.stopService();
  const accepted = await fixture.sales.buy(activityId, [
    {
      activityId,
      userId: '20',
      quantity: 1,
      tokenId: '',
      idempotencyKey: '',
      reservationId: '900000000000000001',
      orderNo: '900000000000000002',
    },
  ]);
  expect(accepted.answers).toEqual([
    { accepted: true, reservationId: '900000000000000001', orderNo: '900000000000000002' },
  ]);

  await fixture.restart();

  await inLedger('900000000000000001');
  await eventually(async () => (await fixture.sales.waitingInStream(activityId)) === 0);
});

test('over gRPC: one purchase, its reservation, and nobody but the gateway may buy', async () => {
  const activityId = await fixture.openActivity();
  const gateway = fixture.clientAs('gateway', seckillService);
  const bought = await gateway.call('Buy', { activityId, userId: '30', quantity: 1, idempotencyKey: 'g' });

  expect(bought.refusal).toBeNull();
  expect(
    await gateway.call('GetReservation', { reservationId: bought.reservationId, userId: '30' }),
  ).toMatchObject({ status: 'QUEUED' });
  await expect(
    gateway.call('GetReservation', { reservationId: bought.reservationId, userId: '31' }),
  ).rejects.toMatchObject({ code: 404402 });
  await expect(
    fixture.clientAs('notify-service', seckillService).call('Buy', { activityId, userId: '1', quantity: 1 }),
  ).rejects.toMatchObject({ code: 403400 });
});

test.each([
  ['no units', { quantity: 0 }],
  ['units that would come back', { quantity: -5 }],
  ['too many units', { quantity: 101 }],
  ['no user', { userId: '0' }],
  ['no activity', { activityId: '0' }],
  ['too long a key', { idempotencyKey: 'k'.repeat(256) }],
])('over gRPC, %s are refused, and nothing is changed', async (_name, changes) => {
  const activityId = await fixture.openActivity({ total: 10 });
  const wanted = { activityId, userId: '50', quantity: 1, ...changes };

  const { refusal } = await fixture.clientAs('gateway', seckillService).call('Buy', wanted);

  expect(refusal).toMatchObject({ code: 400400, reason: 'INVALID_ARGUMENT' });
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 10 });
});

test('activities are listed with status and what is left', async () => {
  const activityId = await fixture.openActivity({ total: 1, title: 'Listed' });
  await buy(activityId, 40);

  const list = await fixture.http.call<{ items: { id: string }[]; total: number }>(
    'GET /api/v1/seckill/activities?page_size=100',
  );
  const status = await fixture.http.call(`GET /api/v1/seckill/activities/${activityId}/status`);
  const detail = await fixture.http.call(`GET /api/v1/seckill/activities/${activityId}`);

  expect(list.body.data.items.map((item) => item.id)).toContain(activityId);
  expect(status.body.data).toMatchObject({ status: 'SOLD_OUT', remaining: 0 });
  expect(detail.body.data).toMatchObject({ title: 'Listed', price: 12_800, product_name: 'Ticket' });
  expect((await fixture.http.call('GET /api/v1/seckill/activities?page_size=1000')).status).toBe(400);
});

test.each([
  ['with a key is the same purchase', 'captured', 2],
  ['without one is refused, where one is all that a user may have', '', 1],
])('a captured Buy, sent again with its token, %s', async (_name, idempotencyKey, limit) => {
  const activityId = await fixture.openActivity({ total: 10, per_user_limit: limit });
  const captured = captureCall({
    port: fixture.config.grpcPort,
    method: seckillService.Buy,
    token: await fixture.tokens.of('gateway').issue('seckill-service'),
    request: { activityId, userId: '60', quantity: 1, idempotencyKey },
  });

  const first = await captured.send();
  const again = await releaseTogether(10, () => captured.send());

  captured.close();
  const expected = idempotencyKey
    ? first
    : expect.objectContaining({ orderNo: '', refusal: expect.anything() });
  expect(first.refusal).toBeNull();
  expect(again).toEqual(Array(10).fill({ status: 'fulfilled', value: expected }));
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 9 });
});
