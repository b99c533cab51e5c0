import { newEvent } from '@onrush/chassis/message-broker';
import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { orderCancelled, orderPaid, productChanged, productService, type OrderEvent } from '@onrush/proto';
import { mergeLines } from '../src/domain/stock';
import { errors } from '../src/errors';
import { httpRoutes } from '../src/handlers/http';
import { productBody, startFixture, type Fixture, type ProductView } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('product');
}, 60_000);
afterAll(() => fixture.stop());

const asOrders = () => fixture.clientAs('order-service', productService);
const stockOf = async (productId: string) =>
  (
    await fixture.db.query<{ stock: number; reserved: number; sold: number }[]>(
      'SELECT stock, reserved, sold FROM products WHERE id = ?',
      [productId],
    )
  )[0];
const ledgerSum = async (productId: string) =>
  Number(
    (
      await fixture.db.query<{ total: string }[]>(
        'SELECT SUM(delta) AS total FROM stock_ledger WHERE product_id = ?',
        [productId],
      )
    )[0]?.total,
  );

const paidOrder = (orderId: string, kind: OrderEvent['kind'] = 'ORDINARY'): OrderEvent => ({
  order_id: orderId,
  order_no: orderId,
  user_id: '1',
  kind,
  total_amount: 1,
  currency: 'CNY',
  reservation_id: null,
  activity_id: null,
  items: [],
  reason: null,
  at: new Date().toISOString(),
});

test('every route refuses bad requests in the envelope, and changes nothing', async () => {
  for (const bad of badRequestsOf(httpRoutes({} as never), fixture.http, buyer(1))) {
    const answer = await bad.send();
    expect({ request: bad.name, problems: problemsWith(answer, bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  }
  expect(await fixture.db.query('SELECT id FROM products')).toEqual([]);
});

test('a product is created, announced, listed and read', async () => {
  const events = await fixture.kafka.collect(productChanged);
  const product = await fixture.createProduct({
    name: 'Night Ferry: Stalls',
    venue: 'Jade River Arena',
    session_at: '2027-05-01T11:30:00Z',
  });

  const detail = await fixture.http.call<ProductView>(`GET /api/v1/products/${product.id}`);
  const again = await fixture.http.call<ProductView>(`GET /api/v1/products/${product.id}`);
  const list = await fixture.http.call<{ items: ProductView[]; total: number }>(
    'GET /api/v1/products?keyword=Ferry&kind=ticket',
  );

  expect(detail.body.data).toEqual(product);
  expect(again.body.data).toEqual(product);
  expect(list.body.data).toMatchObject({ total: 1, items: [{ id: product.id }] });
  await eventually(() => events.some(({ payload }) => payload.product_id === product.id));
});

test.each([
  ['a negative stock', { stock: -1 }],
  ['price 0', { price: 0 }],
  ['a price with a fraction', { price: 12.5 }],
  ['no name', { name: '  ' }],
  ['a kind that is none', { kind: 'coupon' }],
])('%s is refused', async (_name, change) => {
  const answer = await fixture.http.call('POST /api/v1/admin/products', {
    user: admin,
    body: productBody(change),
  });

  expect(answer.status).toBe(400);
  expect(answer.body.errors?.[0]?.field).toBe(Object.keys(change)[0]);
});

test('a draft is nobody’s business, and LIKE wildcards in a keyword are plain characters', async () => {
  const draft = await fixture.createProduct({ status: 'DRAFT' });

  expect((await fixture.http.call(`GET /api/v1/products/${draft.id}`)).status).toBe(404);
  expect((await fixture.http.call(`GET /api/v1/products/${draft.id}/stock`)).status).toBe(404);
  expect(
    (await fixture.http.call<{ total: number }>('GET /api/v1/products?keyword=%25')).body.data.total,
  ).toBe(0);
});

test('of two changes of the same version one wins, and the cached page follows it', async () => {
  const product = await fixture.createProduct();
  await fixture.http.call(`GET /api/v1/products/${product.id}`);

  const answers = await releaseTogether(2, (index) =>
    fixture.http.call<ProductView>(`PUT /api/v1/admin/products/${product.id}`, {
      user: admin,
      body: { price: 100 + index, version: 1 },
    }),
  );

  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0)).sort();
  expect(statuses).toEqual([200, 409]);
  const page = await fixture.http.call<ProductView>(`GET /api/v1/products/${product.id}`);
  expect([100, 101]).toContain(page.body.data.price);
  expect(page.body.data).toMatchObject({ version: 2, name: 'Ticket', stock: 10 });
  expect(
    (
      await fixture.http.call('PUT /api/v1/admin/products/999', {
        user: admin,
        body: { price: 1, version: 1 },
      })
    ).body.code,
  ).toBe(404301);
});

test('stock is adjusted with a reason, and never below zero', async () => {
  const product = await fixture.createProduct({ stock: 5 });
  const adjust = (delta: number) =>
    fixture.http.call(`POST /api/v1/admin/products/${product.id}/stock`, {
      user: admin,
      body: { delta, reason: 'recount' },
    });

  expect((await adjust(3)).body.data).toMatchObject({ stock: 8 });
  expect((await adjust(-9)).body.code).toBe(errors.stockShort.definition.code);
  expect((await fixture.http.call(`GET /api/v1/products/${product.id}/stock`)).body.data).toMatchObject({
    stock: 8,
    reserved: 0,
  });
  expect(await ledgerSum(product.id)).toBe(8);
  expect(
    (
      await fixture.http.call('POST /api/v1/admin/products/999/stock', {
        user: admin,
        body: { delta: 1, reason: 'x' },
      })
    ).status,
  ).toBe(404);
});

test('200 parallel orders for the last 10 units: ten get one', async () => {
  const product = await fixture.createProduct({ stock: 10 });
  const client = asOrders();

  const answers = await releaseTogether(200, (index) =>
    client.call(
      'ReserveStock',
      { orderId: String(1_000 + index), lines: [{ productId: product.id, quantity: 1 }] },
      { timeoutMs: 20_000 },
    ),
  );

  expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(10);
  expect(await stockOf(product.id)).toEqual({ stock: 0, reserved: 10, sold: 0 });
  expect(await ledgerSum(product.id)).toBe(0);
});

test('the same order reserves once, also twenty times at once', async () => {
  const product = await fixture.createProduct({ stock: 10 });
  const client = asOrders();

  const answers = await releaseTogether(20, () =>
    client.call('ReserveStock', { orderId: '2000', lines: [{ productId: product.id, quantity: 3 }] }),
  );

  const changed = answers.filter((answer) => answer.status === 'fulfilled' && answer.value.changed);
  expect(changed).toHaveLength(1);
  expect(await stockOf(product.id)).toEqual({ stock: 7, reserved: 3, sold: 0 });
});

test('an order gets all of its lines or none', async () => {
  const [plenty, scarce] = [
    await fixture.createProduct({ stock: 10 }),
    await fixture.createProduct({ stock: 1 }),
  ];
  const lines = [plenty, scarce].map((product) => ({ productId: product.id, quantity: 2 }));

  await expect(asOrders().call('ReserveStock', { orderId: '3000', lines })).rejects.toMatchObject({
    code: 409301,
  });

  expect(await stockOf(plenty.id)).toEqual({ stock: 10, reserved: 0, sold: 0 });
});

test('released units are free again once, and a released order cannot reserve again', async () => {
  const product = await fixture.createProduct({ stock: 4 });
  const client = asOrders();
  const reserve = () =>
    client.call('ReserveStock', { orderId: '4000', lines: [{ productId: product.id, quantity: 4 }] });
  await reserve();

  expect(await client.call('ReleaseStock', { orderId: '4000' })).toEqual({ changed: true });
  expect(await client.call('ReleaseStock', { orderId: '4000' })).toEqual({ changed: false });
  expect(await client.call('ConfirmStock', { orderId: '4000' })).toEqual({ changed: false });
  await expect(reserve()).rejects.toMatchObject({ code: 409304 });
  expect(await stockOf(product.id)).toEqual({ stock: 4, reserved: 0, sold: 0 });
});

test('a paid order sells what it reserved, a cancelled one gives it back; seckill orders hold nothing here', async () => {
  const product = await fixture.createProduct({ stock: 9 });
  const client = asOrders();
  for (const orderId of ['5001', '5002', '5003'])
    await client.call('ReserveStock', { orderId, lines: [{ productId: product.id, quantity: 2 }] });

  const { broker } = fixture.kafka;
  await broker.publish([
    newEvent(orderPaid, '5001', paidOrder('5001')),
    newEvent(orderPaid, '5001', paidOrder('5001')),
  ]);
  await broker.publish([
    newEvent(orderCancelled, '5002', paidOrder('5002')),
    newEvent(orderCancelled, '5003', paidOrder('5003', 'SECKILL')),
  ]);

  await eventually(async () => (await stockOf(product.id))?.sold === 2);
  await eventually(async () => (await stockOf(product.id))?.stock === 5);
  expect(await stockOf(product.id)).toEqual({ stock: 5, reserved: 2, sold: 2 });
});

test('bad requests over gRPC are refused, and strangers are not let in', async () => {
  const product = await fixture.createProduct();
  const line = { productId: product.id, quantity: 0 };

  await expect(asOrders().call('ReserveStock', { orderId: '6000', lines: [line] })).rejects.toMatchObject({
    code: 400300,
  });
  await expect(asOrders().call('ReserveStock', { orderId: '6000', lines: [] })).rejects.toMatchObject({
    code: 400300,
  });
  await expect(
    fixture.clientAs('notify-service', productService).call('ReleaseStock', { orderId: '1' }),
  ).rejects.toMatchObject({ code: 403300 });
  const tooMany = Array.from({ length: 101 }, (_, index) => String(index + 1));
  await expect(asOrders().call('GetProducts', { productIds: tooMany })).rejects.toMatchObject({
    code: 400300,
  });
  expect((await asOrders().call('GetProducts', { productIds: [product.id, '999'] })).products).toHaveLength(
    1,
  );
});

test('lines of the same product become one, in product order', () => {
  const lines = [
    { productId: '20', quantity: 1 },
    { productId: '3', quantity: 2 },
    { productId: '20', quantity: 4 },
  ];

  expect(mergeLines(lines)).toEqual([
    { productId: '3', quantity: 2 },
    { productId: '20', quantity: 5 },
  ]);
});
