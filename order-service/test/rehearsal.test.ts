import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { markForRehearsal, orderCreated } from '@onrush/proto';
import { startFixture, type Fixture, type OrderView } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('rehearsal');
}, 60_000);
afterAll(() => fixture.stop());

const synthetic = markForRehearsal('41');

test('a purchase of a rehearsal becomes an order that says so, with the numbers in its event', async () => {
  const created = await fixture.kafka.collect(orderCreated);
  const rehearsed = fixture.reserve({ user_id: synthetic, activity_id: markForRehearsal('5') });
  const real = fixture.reserve();
  const read = async (id: string, user: string) =>
    (
      await fixture.http.call<OrderView & { rehearsal: boolean }>(`GET /api/v1/orders/${id}`, {
        user: buyer(user),
      })
    ).body.data;

  await fixture.publishReserved(rehearsed, real);
  await eventually(() => created.length === 2);

  expect(await read(rehearsed.order_no, synthetic)).toMatchObject({ status: 'CREATED', rehearsal: true });
  expect(await read(real.order_no, '1')).toMatchObject({ status: 'CREATED', rehearsal: false });
  expect(created.find(({ payload }) => payload.order_id === rehearsed.order_no)?.payload).toMatchObject({
    user_id: synthetic,
    activity_id: rehearsed.activity_id,
  });
});

test('a synthetic user places no ordinary order, and no stock is reserved', async () => {
  const place = (user: string, key: string) =>
    fixture.http.call('POST /api/v1/orders', {
      user: buyer(user),
      body: { items: [{ product_id: '1', quantity: 1 }] },
      headers: { 'idempotency-key': key },
    });

  const refused = await place(synthetic, 'synthetic');
  const reserved = [...fixture.products.reserved];
  const placed = await place('1', 'real');

  expect([refused.status, reserved, placed.status]).toEqual([403, [], 201]);
  expect(await fixture.count('sagas')).toBe(1);
});
