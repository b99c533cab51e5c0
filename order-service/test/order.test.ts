import { newEvent } from '@onrush/chassis/message-broker';
import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import {
  orderCancelled,
  orderCreated,
  orderPaid,
  orderService,
  paymentRefunded,
  paymentSucceeded,
  seckillReserved,
} from '@onrush/proto';
import { canBecome, transitions, type OrderStatus } from '../src/domain/order-states';
import { errors } from '../src/errors';
import { httpRoutes } from '../src/handlers/http';
import { startFixture, type Fixture, type OrderView } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('order');
}, 60_000);
afterAll(() => fixture.stop());

const read = (id: string, user: number | string = 1) =>
  fixture.http.call<OrderView>(`GET /api/v1/orders/${id}`, { user: buyer(user) });
const cancel = (id: string, user: number | string = 1) =>
  fixture.http.call<OrderView>(`POST /api/v1/orders/${id}/cancel`, { user: buyer(user) });
const statusIs = (id: string, status: string, user: number | string = 1) =>
  eventually(async () => (await read(id, user)).body.data?.status === status);

const paymentOf = (orderId: string) => ({
  payment_id: '1',
  payment_no: 'P1',
  order_id: orderId,
  user_id: '1',
  channel: 'mock',
  amount: 12_800,
  currency: 'CNY' as const,
  at: new Date().toISOString(),
});
const pay = (orderId: string) =>
  fixture.kafka.broker.publish([newEvent(paymentSucceeded, orderId, paymentOf(orderId))]);

test('every route refuses bad requests in the envelope, and changes nothing', async () => {
  for (const bad of badRequestsOf(httpRoutes({} as never), fixture.http, buyer(1))) {
    const answer = await bad.send();
    expect({ request: bad.name, problems: problemsWith(answer, bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  }
  expect(await fixture.count('orders')).toBe(0);
});

test('300 reservations become 300 orders; delivered again they change nothing', async () => {
  const created = await fixture.kafka.collect(orderCreated);
  const reservations = Array.from({ length: 300 }, () => fixture.reserve({ activity_id: '300' }));
  const ours = () => created.filter(({ payload }) => payload.activity_id === '300');

  await fixture.publishReserved(...reservations);
  await fixture.publishReserved(...reservations.slice(0, 150), fixture.reserve({ activity_id: '300' }));

  await eventually(async () => (await fixture.count('orders', 'activity_id = 300')) === 301);
  await eventually(() => ours().length === 301);
  expect(new Set(ours().map(({ payload }) => payload.order_id)).size).toBe(301);
  expect(
    await fixture.count('order_items', 'order_id IN (SELECT id FROM orders WHERE activity_id = 300)'),
  ).toBe(301);
  // One for each order, from when Redis accepted its purchase.
  const waited = { source: 'seckill', le: '+Inf' };
  expect(await fixture.metric('order_create_duration_seconds', waited)).toBe(301);
  // They are gone a moment after they were heard.
  await eventually(async () => (await fixture.count('outbox_batches')) === 0);
});

test('orders that are made together go on with the trace of their own reservation', async () => {
  const created = await fixture.kafka.collect(orderCreated);
  const reservations = [1, 2, 3].map(() => fixture.reserve({ activity_id: '303' }));
  const ours = () => created.filter(({ payload }) => payload.activity_id === '303');
  const traceOf = ['a', 'b', undefined].map(
    (digit) => digit && `00-${digit.repeat(32)}-${digit.repeat(16)}-01`,
  );

  await fixture.kafka.broker.publish(
    reservations.map((reservation, index) =>
      newEvent(seckillReserved, 'one key', reservation, { traceparent: traceOf[index] }),
    ),
  );

  await eventually(() => ours().length === 3);
  const traces = reservations.map(
    ({ order_no }) => ours().find(({ payload }) => payload.order_id === order_no)?.traceparent,
  );
  expect(traces).toEqual(traceOf);
});

test('an order shows its ticket, its price and its history, to its owner alone', async () => {
  const reservation = fixture.reserve({ quantity: 2 });
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');

  expect((await read(reservation.order_no)).body.data).toMatchObject({
    order_no: reservation.order_no,
    kind: 'SECKILL',
    total_amount: 25_600,
    items: [{ product_id: '1', name: 'Ticket', price: 12_800, quantity: 2 }],
    history: [{ from: null, to: 'CREATED', by: 'user:1' }],
  });
  expect((await read(reservation.order_no, 2)).status).toBe(404);
  expect((await cancel(reservation.order_no, 2)).status).toBe(404);
});

test('an order of the version before, whose creation is a row of its history, shows it once', async () => {
  const reservation = fixture.reserve();
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');
  await fixture.db.query(
    `INSERT INTO order_history (order_id, from_status, to_status, changed_at, changed_by) VALUES (?, NULL, 'CREATED', NOW(3), 'user:1')`,
    [reservation.order_no],
  );

  const { history } = (await read(reservation.order_no)).body.data;

  expect(history).toEqual([expect.objectContaining({ from: null, to: 'CREATED', by: 'user:1' })]);
});

test('a paid order is PAID once, however often it is told, and cannot be cancelled', async () => {
  const paid = await fixture.kafka.collect(orderPaid);
  const reservation = fixture.reserve();
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');

  await pay(reservation.order_no);
  await pay(reservation.order_no);

  await statusIs(reservation.order_no, 'PAID');
  const answer = await cancel(reservation.order_no);
  expect(answer.body.code).toBe(errors.alreadyPaid.definition.code);
  await eventually(
    () => paid.filter(({ payload }) => payload.order_id === reservation.order_no).length === 1,
  );
  expect((await read(reservation.order_no)).body.data.history).toHaveLength(2);
});

test('money for a cancelled order changes nothing; a second cancel is the same answer', async () => {
  const paid = await fixture.kafka.collect(orderPaid);
  const [reservation, next] = [fixture.reserve(), fixture.reserve()];
  await fixture.publishReserved(reservation, next);
  await statusIs(reservation.order_no, 'CREATED');
  await statusIs(next.order_no, 'CREATED');

  const first = await cancel(reservation.order_no);
  const second = await cancel(reservation.order_no);
  // With the same key they are handled in this order.
  await fixture.kafka.broker.publish(
    [reservation, next].map(({ order_no }) =>
      newEvent(paymentSucceeded, reservation.order_no, paymentOf(order_no)),
    ),
  );
  await statusIs(next.order_no, 'PAID');
  await eventually(() => paid.length > 0);

  expect(paid.map(({ payload }) => payload.order_id)).not.toContain(reservation.order_no);
  expect(first.body.data).toMatchObject({ status: 'CANCELLED', cancel_reason: 'by-user' });
  expect(second.body.data).toEqual(first.body.data);
  expect((await read(reservation.order_no)).body.data.status).toBe('CANCELLED');
});

test('a refunded order says so', async () => {
  const reservation = fixture.reserve();
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');
  await pay(reservation.order_no);
  await statusIs(reservation.order_no, 'PAID');

  await fixture.kafka.broker.publish([
    newEvent(paymentRefunded, reservation.order_no, paymentOf(reservation.order_no)),
  ]);

  await statusIs(reservation.order_no, 'REFUNDED');
});

test('of a hundred cancels and a payment at once, exactly one wins', async () => {
  const cancelled = await fixture.kafka.collect(orderCancelled);
  const paid = await fixture.kafka.collect(orderPaid);
  const reservation = fixture.reserve();
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');
  const about = ({ payload }: { payload: { order_id: string } }) => payload.order_id === reservation.order_no;

  await releaseTogether<unknown>(101, (index) =>
    index === 50 ? pay(reservation.order_no) : cancel(reservation.order_no),
  );

  await eventually(() => cancelled.filter(about).length + paid.filter(about).length === 1);
  const { status, history } = (await read(reservation.order_no)).body.data;
  expect(['PAID', 'CANCELLED']).toContain(status);
  expect(history).toHaveLength(2);
});

test('an order is paid through payment-service while it waits for its money', async () => {
  const reservation = fixture.reserve();
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');
  const start = (id: string) =>
    fixture.http.call(`POST /api/v1/orders/${id}/pay`, {
      user: buyer(1),
      body: {},
      headers: { 'idempotency-key': 'p' },
    });

  expect((await start(reservation.order_no)).body.data).toMatchObject({
    payment_no: 'P9',
    channel: 'mock',
    amount: 12_800,
  });
  expect((await start('999')).status).toBe(404);
  await cancel(reservation.order_no);
  expect((await start(reservation.order_no)).body.code).toBe(errors.alreadyCancelled.definition.code);
});

test('orders are listed newest first, by status, mine to me and all to an admin', async () => {
  const reservations = [fixture.reserve({ user_id: '60' }), fixture.reserve({ user_id: '60' })];
  await fixture.publishReserved(...reservations);
  await statusIs(reservations[1]?.order_no ?? '', 'CREATED', 60);
  await cancel(reservations[0]?.order_no ?? '', 60);
  const list = (query: string) =>
    fixture.http.call<{ items: OrderView[]; total: number }>(`GET /api/v1/orders${query}`, {
      user: buyer(60),
    });

  expect((await list('')).body.data.items.map((order) => order.id)).toEqual(
    reservations.map((each) => each.order_no).reverse(),
  );
  expect((await list('?status=CANCELLED')).body.data).toMatchObject({
    total: 1,
    items: [{ id: reservations[0]?.order_no }],
  });
  expect((await list('?status=LOST')).status).toBe(400);
  expect((await list('?page_size=1e9')).status).toBe(400);
  const all = await fixture.http.call<{ total: number }>('GET /api/v1/admin/orders', { user: admin });
  expect(all.body.data.total).toBeGreaterThan(300);
});

test('services see orders over gRPC, an owner’s or any', async () => {
  const reservation = fixture.reserve();
  await fixture.publishReserved(reservation);
  await statusIs(reservation.order_no, 'CREATED');
  const client = fixture.clientAs('payment-service', orderService);

  expect(await client.call('GetOrder', { orderId: reservation.order_no, userId: '0' })).toMatchObject({
    status: 'CREATED',
    totalAmount: '12800',
  });
  await expect(client.call('GetOrder', { orderId: reservation.order_no, userId: '2' })).rejects.toMatchObject(
    { code: 404501 },
  );
  await expect(client.call('GetOrder', { orderId: '1', userId: '0' })).rejects.toMatchObject({
    code: 404501,
  });
});

test('only the transitions of the table are legal', () => {
  const states = Object.keys(transitions) as OrderStatus[];
  const legal = states.flatMap((from) =>
    states.filter((to) => canBecome(from, to)).map((to) => `${from} ${to}`),
  );

  expect(legal.sort()).toEqual(
    [
      'CREATED PAID',
      'CREATED CANCELLED',
      'PAID SHIPPED',
      'PAID REFUNDING',
      'PAID REFUNDED',
      'SHIPPED COMPLETED',
      'SHIPPED REFUNDING',
      'COMPLETED REFUNDING',
      'REFUNDING REFUNDED',
    ].sort(),
  );
});
