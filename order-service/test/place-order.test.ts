import { releaseTogether } from '@onrush/chassis/testing/gate';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { errors } from '../src/errors';
import { startFixture, type Fixture, type OrderView } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('placing');
}, 60_000);
afterAll(() => fixture.stop());

const place = (key: string, items: unknown, user = 1) =>
  fixture.http.call<OrderView>('POST /api/v1/orders', {
    user: buyer(user),
    body: { items },
    headers: { 'idempotency-key': key },
  });

test('an ordinary order takes our prices, reserves its stock, and the same key gets the same order', async () => {
  const first = await place('k1', [{ product_id: '1', quantity: 3 }]);
  const again = await place('k1', [{ product_id: '1', quantity: 3 }]);
  const other = await place('k1', [{ product_id: '1', quantity: 4 }]);

  expect(first.status).toBe(201);
  expect(first.body.data).toMatchObject({ kind: 'ORDINARY', status: 'CREATED', total_amount: 1_500 });
  expect(JSON.stringify(again.body.data)).toBe(JSON.stringify(first.body.data));
  expect(other.body.code).toBe(errors.idempotencyKeyReused.definition.code);
  expect(fixture.products.reserved.filter((id) => id === first.body.data.id)).toHaveLength(1);
  const waited = { source: 'cart', le: '+Inf' };
  expect(await fixture.metric('order_create_duration_seconds', waited)).toBe(1);
});

test('20 parallel requests under one key place one order', async () => {
  const before = await fixture.count('orders', `kind = 'ORDINARY'`);

  const answers = await releaseTogether(20, () => place('k20', [{ product_id: '1', quantity: 1 }]));

  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0));
  expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
  expect(await fixture.count('orders', `kind = 'ORDINARY'`)).toBe(before + 1);
});

test('what cannot be had is refused, its stock is free again, and the same key says the same', async () => {
  const offSale = await place('k2', [{ product_id: '2', quantity: 1 }]);
  const short = await place('k3', [{ product_id: '3', quantity: 1 }]);
  const again = await place('k3', [{ product_id: '3', quantity: 1 }]);

  expect(offSale.body.code).toBe(errors.productNotForSale.definition.code);
  expect(short.body.code).toBe(errors.stockShort.definition.code);
  expect(again.body.code).toBe(short.body.code);
  expect(fixture.products.released).toHaveLength(2);
  expect(await fixture.count('sagas', `idempotency_key IN ('k2', 'k3') AND state = 'ABORTED'`)).toBe(2);
});

test('a saga that its process left behind is ended by the sweep: no order, stock released', async () => {
  const now = new Date(Date.now() - 60_000);
  await fixture.db.query(
    `INSERT INTO sagas (order_id, user_id, idempotency_key, request_hash, state, created_at, updated_at) VALUES (77, 1, 'dead', 'x', 'RESERVING', ?, ?)`,
    [now, now],
  );

  // Released first, and then marked so: between the two it would be released again.
  await eventually(async () => (await fixture.count('sagas', `order_id = 77 AND state = 'ABORTED'`)) === 1);

  expect(fixture.products.released).toContain('77');
  expect(await fixture.count('orders', 'id = 77')).toBe(0);
});

test('a saga that was given up while it reserved does not become an order', async () => {
  fixture.products.beforeReserve = async () => {
    await fixture.db.query(
      `UPDATE sagas SET state = 'ABORTED', answer = '{}' WHERE idempotency_key = 'slow'`,
    );
  };

  const answer = await place('slow', [{ product_id: '1', quantity: 1 }]);

  fixture.products.beforeReserve = () => Promise.resolve();
  expect(answer.status).toBe(503);
  expect(
    await fixture.count('orders', `id IN (SELECT order_id FROM sagas WHERE idempotency_key = 'slow')`),
  ).toBe(0);
});

test('stock that could not be released at once is released by the sweep', async () => {
  let isAway = true;
  fixture.products.beforeRelease = () => {
    if (isAway) throw errors.unavailable();
  };
  const answer = await place('k4', [{ product_id: '3', quantity: 1 }]);
  const [saga] = await fixture.db.query<{ order_id: string; state: string }[]>(
    `SELECT order_id, state FROM sagas WHERE idempotency_key = 'k4'`,
  );

  expect(answer.body.code).toBe(errors.stockShort.definition.code);
  expect(saga?.state).toBe('ABORTING');
  expect(fixture.products.released).not.toContain(saga?.order_id);

  isAway = false;
  await eventually(() => fixture.products.released.includes(saga?.order_id ?? ''));
  await eventually(
    async () => (await fixture.count('sagas', `idempotency_key = 'k4' AND state = 'ABORTED'`)) === 1,
  );
  expect((await place('k4', [{ product_id: '3', quantity: 1 }])).body.code).toBe(answer.body.code);
});
