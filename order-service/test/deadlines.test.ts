import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { orderCancelled, type SeckillReserved } from '@onrush/proto';
import { startFixture, type Fixture, type OrderView } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('deadlines');
}, 60_000);
afterAll(() => fixture.stop());

const read = (id: string) => fixture.http.call<OrderView>(`GET /api/v1/orders/${id}`, { user: buyer(1) });
const statusIs = (id: string, status: string) =>
  eventually(async () => (await read(id)).body.data?.status === status);

test('an order that is not paid in time is cancelled, by the timer', async () => {
  await fixture.restart({ orderSweepSeconds: 3_600 });
  const cancelled = await fixture.kafka.collect(orderCancelled);
  const reservation = fixture.reserve({ payment_timeout_seconds: 1 });
  await fixture.publishReserved(reservation);

  await statusIs(reservation.order_no, 'CANCELLED');

  expect((await read(reservation.order_no)).body.data).toMatchObject({ cancel_reason: 'timeout' });
  await eventually(
    () => cancelled.filter(({ payload }) => payload.order_id === reservation.order_no).length === 1,
  );
  await fixture.restart();
});

test('an order whose timer was lost is cancelled by the sweep, and not before its time', async () => {
  const [late, early] = [fixture.reserve(), fixture.reserve()];
  await fixture.publishReserved(late, early);
  await statusIs(late.order_no, 'CREATED');
  // Behind what timers were set for already, so that none is set for it.
  await fixture.db.query('UPDATE orders SET expires_at = ? WHERE id = ?', [new Date(), late.order_no]);

  await statusIs(late.order_no, 'CANCELLED');

  expect((await read(early.order_no)).body.data.status).toBe('CREATED');
});

test('an order has a timer when its time is near, and none before', async () => {
  const due = `${fixture.namespace}:order:{delay:payment-timeout}:due`;
  const timerOf = ({ order_no }: SeckillReserved) => fixture.redis.redis.zscore(due, order_no);
  const [soon, later] = [
    fixture.reserve({ payment_timeout_seconds: 3 }),
    fixture.reserve({ payment_timeout_seconds: 7 }),
  ];
  await fixture.publishReserved(soon, later);
  await statusIs(soon.order_no, 'CREATED');
  await eventually(async () => (await timerOf(soon)) !== null);
  expect(await timerOf(later)).toBeNull();

  await eventually(async () => (await timerOf(later)) !== null);

  expect(Number(await timerOf(later))).toBe(Date.parse(later.reserved_at) + 7_000);
  expect((await read(later.order_no)).body.data.status).toBe('CREATED');
});
