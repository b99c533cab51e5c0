import { newEvent } from '@onrush/chassis/message-broker';
import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { buyer } from '@onrush/chassis/testing/service';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { eventually } from '@onrush/chassis/testing/wait';
import {
  notificationSent,
  orderCancelled,
  orderCreated,
  orderPaid,
  paymentRefunded,
  paymentSucceeded,
  seckillRejected,
  userRegistered,
  type OrderEvent,
  type PaymentEvent,
} from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { yuan } from '../src/domain/templates';
import { errors } from '../src/errors';
import { httpRoutes } from '../src/handlers/http';
import { migrations } from '../src/migrations';

interface NotificationView {
  id: string;
  kind: string;
  title: string;
  body: string;
  read_at: string | null;
}

let fixture: ServiceFixture<Config>;
beforeAll(async () => {
  fixture = await startServiceFixture<Config>({
    service: 'notify-service',
    label: 'notify',
    createApp,
    migrations,
    errors,
    config: {},
  });
}, 60_000);
afterAll(() => fixture.stop());

const at = '2027-01-01T00:00:00.000Z';
const order = (userId: string, reason: string | null = null): OrderEvent => ({
  order_id: '7',
  order_no: '7',
  user_id: userId,
  kind: 'SECKILL',
  total_amount: 12_850,
  currency: 'CNY',
  reservation_id: '8',
  activity_id: '9',
  items: [{ product_id: '1', name: 'Night Ferry', price: 12_850, quantity: 1 }],
  reason,
  at,
});
const payment = (userId: string): PaymentEvent => ({
  payment_id: '3',
  payment_no: 'P3',
  order_id: '7',
  user_id: userId,
  channel: 'mock',
  amount: 12_850,
  currency: 'CNY',
  at,
});
const inbox = (user: number | string, query = '') =>
  fixture.http.call<{ items: NotificationView[]; total: number }>(`GET /api/v1/notifications${query}`, {
    user: buyer(user),
  });
const unread = async (user: number) =>
  (
    await fixture.http.call<{ unread: number }>('GET /api/v1/notifications/unread-count', {
      user: buyer(user),
    })
  ).body.data.unread;
const arrived = (user: number | string, count: number) =>
  eventually(async () => (await inbox(user)).body.data.total === count);
const publish = (...events: Parameters<ServiceFixture<Config>['kafka']['broker']['publish']>[0]) =>
  fixture.kafka.broker.publish(events);

test('every route refuses bad requests in the envelope', async () => {
  for (const bad of badRequestsOf(httpRoutes({} as never), fixture.http, buyer(1))) {
    const answer = await bad.send();
    expect({ request: bad.name, problems: problemsWith(answer, bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  }
});

test('each event of a purchase tells its buyer once, in words', async () => {
  await publish(
    newEvent(userRegistered, '1', { user_id: '1', username: 'mei', at }),
    newEvent(orderCreated, '7', order('1')),
    newEvent(orderPaid, '7', order('1')),
    newEvent(orderCancelled, '7', order('1', 'timeout')),
    newEvent(paymentSucceeded, '7', payment('1')),
    newEvent(paymentRefunded, '7', payment('1')),
    newEvent(seckillRejected, '8', {
      reservation_id: '8',
      activity_id: '9',
      user_id: '1',
      order_no: '7',
      quantity: 1,
      reason: 'sold-out',
      at,
    }),
  );

  await arrived(1, 7);
  const byKind = new Map((await inbox(1)).body.data.items.map((item) => [item.kind, item.body]));
  expect(byKind.get('user.registered')).toBe('mei, your account is ready.');
  expect(byKind.get('order.paid')).toBe('Night Ferry × 1: ¥128.50. Enjoy!');
  expect(byKind.get('order.cancelled')).toBe('Night Ferry × 1: it was not paid in time.');
  expect(byKind.get('payment.refunded')).toBe('¥128.50 went back to you.');
});

test('notifications that are written together go on with the trace of their own event', async () => {
  const sent = await fixture.kafka.collect(notificationSent);
  const traceOf = ['a', 'b', undefined].map(
    (digit) => digit && `00-${digit.repeat(32)}-${digit.repeat(16)}-01`,
  );
  const users = ['31', '32', '33'];

  await publish(
    ...users.map((user, index) => newEvent(orderCreated, '7', order(user), { traceparent: traceOf[index] })),
  );

  const ours = () =>
    users
      .map((user) => sent.find(({ payload }) => payload.user_id === user))
      .filter((event) => event !== undefined);
  await eventually(() => ours().length === 3);
  expect(ours().map(({ traceparent }) => traceparent)).toEqual(traceOf);
});

test('the same event delivered again changes nothing, also within one batch', async () => {
  const sent = await fixture.kafka.collect(notificationSent);
  const event = newEvent(orderCreated, '7', order('2'));
  const ours = () => sent.filter(({ payload }) => payload.user_id === '2');

  await publish(event, event, newEvent(orderCreated, '7', order('2')));
  await arrived(2, 2);
  await publish(event, newEvent(orderCreated, '7', order('2')));

  await arrived(2, 3);
  await eventually(() => ours().length === 3);
});

test('reading marks one or all, for their owner alone, and keeps the first time', async () => {
  await publish(...Array.from({ length: 3 }, () => newEvent(orderPaid, '7', order('4'))));
  await publish(newEvent(orderPaid, '7', order('5')));
  await arrived(4, 3);
  await arrived(5, 1);
  const [first] = (await inbox(4)).body.data.items;
  const read = (user: number) =>
    fixture.http.call<NotificationView>(`POST /api/v1/notifications/${first?.id}/read`, {
      user: buyer(user),
    });

  expect((await read(5)).status).toBe(404);
  expect(await unread(4)).toBe(3);
  const once = await read(4);
  const twice = await read(4);

  expect(once.body.data.read_at).not.toBeNull();
  expect(twice.body.data).toEqual(once.body.data);
  expect(await unread(4)).toBe(2);
  await fixture.http.call('POST /api/v1/notifications/read-all', { user: buyer(4) });
  expect(await unread(4)).toBe(0);
  expect(await unread(5)).toBe(1);
});

test('pages are cut as asked, and no further', async () => {
  await publish(...Array.from({ length: 5 }, () => newEvent(orderPaid, '7', order('6'))));
  await arrived(6, 5);

  const page = await inbox(6, '?page=2&page_size=2');

  expect(page.body.data).toMatchObject({ page: 2, page_size: 2, total: 5 });
  expect(page.body.data.items).toHaveLength(2);
  const ids = (await inbox(6)).body.data.items.map((item) => BigInt(item.id));
  expect(ids).toEqual([...ids].sort((a, b) => (a < b ? 1 : -1)));
  for (const query of [
    '?page=0',
    '?page=x',
    '?page_size=0',
    '?page_size=101',
    '?sort=;drop',
    '?page=1&page=2',
  ])
    expect((await inbox(6, query)).status).toBe(400);
});

test('fen are written as yuan', () => {
  expect([yuan(0), yuan(5), yuan(12_850), yuan(100)]).toEqual(['¥0.00', '¥0.05', '¥128.50', '¥1.00']);
});
