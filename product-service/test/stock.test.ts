import { newEvent } from '@onrush/chassis/message-broker';
import { captureCall } from '@onrush/chassis/testing/captured-call';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { orderCancelled, orderPaid, productService, type OrderEvent } from '@onrush/proto';
import { mergeLines } from '../src/domain/stock';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('stock');
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
  expect(await fixture.ledgerSum(product.id)).toBe(0);
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

test('an order that reserved cannot reserve something else under its number', async () => {
  const product = await fixture.createProduct({ stock: 9 });
  const reserve = (quantity: number) =>
    asOrders().call('ReserveStock', { orderId: '4100', lines: [{ productId: product.id, quantity }] });
  await reserve(2);

  await expect(reserve(8)).rejects.toMatchObject({ code: 409305 });

  expect(await reserve(2)).toEqual({ changed: false });
  expect(await stockOf(product.id)).toEqual({ stock: 7, reserved: 2, sold: 0 });
});

test('a reservation that comes after its release holds nothing, also at the same moment', async () => {
  const product = await fixture.createProduct({ stock: 50 });
  const client = asOrders();
  const reserve = (orderId: string) =>
    client.call('ReserveStock', { orderId, lines: [{ productId: product.id, quantity: 1 }] });

  expect(await client.call('ReleaseStock', { orderId: '4200' })).toEqual({ changed: false });
  await expect(reserve('4200')).rejects.toMatchObject({ code: 409304 });

  await releaseTogether(40, (index) =>
    index % 2 === 0
      ? reserve(String(4300 + Math.floor(index / 2)))
      : client.call('ReleaseStock', { orderId: String(4300 + Math.floor(index / 2)) }),
  );
  expect(await stockOf(product.id)).toEqual({ stock: 50, reserved: 0, sold: 0 });
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
  // With the same key they are handled in this order.
  await broker.publish([
    newEvent(orderCancelled, '5002', paidOrder('5003', 'SECKILL')),
    newEvent(orderCancelled, '5002', paidOrder('5002')),
  ]);

  await eventually(async () => (await stockOf(product.id))?.sold === 2);
  await eventually(async () => (await stockOf(product.id))?.stock === 5);
  expect(await stockOf(product.id)).toEqual({ stock: 5, reserved: 2, sold: 2 });
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

test.each([
  ['ReserveStock', '9001'],
  ['ConfirmStock', '9002'],
  ['ReleaseStock', '9003'],
] as const)('a captured %s, sent again with its token, changes nothing more', async (name, orderId) => {
  const product = await fixture.createProduct({ stock: 10 });
  const lines = [{ productId: product.id, quantity: 3 }];
  if (name !== 'ReserveStock') await asOrders().call('ReserveStock', { orderId, lines });
  const captured = captureCall({
    port: fixture.config.grpcPort,
    method: productService[name],
    token: await fixture.tokens.of('order-service').issue('product-service'),
    request: name === 'ReserveStock' ? { orderId, lines } : { orderId },
  });

  const first = await captured.send();
  const after = [await stockOf(product.id), await fixture.ledgerSum(product.id)];
  const again = await releaseTogether(10, () => captured.send());

  captured.close();
  expect(first).toEqual({ changed: true });
  expect(again).toEqual(Array(10).fill({ status: 'fulfilled', value: { changed: false } }));
  expect([await stockOf(product.id), await fixture.ledgerSum(product.id)]).toEqual(after);
});
