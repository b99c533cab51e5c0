import { captureCall } from '@onrush/chassis/testing/captured-call';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { productService } from '@onrush/proto';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('resize');
}, 60_000);
afterAll(() => fixture.stop());

const asSeckill = () => fixture.clientAs('seckill-service', productService);
const stockOf = async (productId: string) => {
  const [row] = await fixture.db.query<{ stock: number; reserved: number }[]>(
    'SELECT stock, reserved FROM products WHERE id = ?',
    [productId],
  );
  return { ...row, ledger: await fixture.ledgerSum(productId) };
};

/** An activity that holds 4 of 10 units, and what resizes it. */
async function reserved(orderId: string) {
  const { id: productId } = await fixture.createProduct({ stock: 10 });
  const client = asSeckill();
  await client.call('ReserveStock', { orderId, lines: [{ productId, quantity: 4 }] });
  const resize = (quantity: number, revision: number) =>
    client.call('ResizeReservation', { orderId, productId, quantity, revision });
  return { productId, client, resize };
}

test('a reservation grows and shrinks to what is asked for, and the ledger follows', async () => {
  const { productId, resize } = await reserved('100');

  expect(await resize(7, 1)).toEqual({ changed: true });
  expect(await stockOf(productId)).toEqual({ stock: 3, reserved: 7, ledger: 3 });
  expect(await resize(0, 2)).toEqual({ changed: true });
  expect(await stockOf(productId)).toEqual({ stock: 10, reserved: 0, ledger: 10 });
  expect(await resize(0, 3)).toEqual({ changed: false });
});

test('a revision that is not newer changes nothing', async () => {
  const { productId, resize } = await reserved('200');
  await resize(5, 2);
  await resize(6, 3);

  expect(await resize(5, 2)).toEqual({ changed: false });
  expect(await resize(6, 3)).toEqual({ changed: false });

  expect(await stockOf(productId)).toEqual({ stock: 4, reserved: 6, ledger: 4 });
});

test('a revision that was refused stays refused when stock has come in, a newer one is not', async () => {
  const { productId, resize } = await reserved('300');

  await expect(resize(11, 1)).rejects.toMatchObject({ code: 409301, status: 'FAILED_PRECONDITION' });
  await fixture.db.query('UPDATE products SET stock = stock + 5 WHERE id = ?', [productId]);
  await expect(resize(11, 1)).rejects.toMatchObject({ code: 409301 });

  expect(await stockOf(productId)).toMatchObject({ stock: 11, reserved: 4 });
  expect(await resize(11, 2)).toEqual({ changed: true });
  expect(await stockOf(productId)).toMatchObject({ stock: 4, reserved: 11 });
});

test('nothing more is reserved of a product that is not on sale, and units of it come back', async () => {
  const { productId, resize } = await reserved('400');
  await fixture.db.query(`UPDATE products SET status = 'OFF_SALE' WHERE id = ?`, [productId]);

  await expect(resize(5, 1)).rejects.toMatchObject({ code: 409301 });
  expect(await resize(3, 2)).toEqual({ changed: true });

  expect(await stockOf(productId)).toMatchObject({ stock: 7, reserved: 3 });
});

test('what was never reserved cannot be resized, nor what has ended', async () => {
  const { productId, client, resize } = await reserved('500');
  const unknown = { orderId: '501', productId, quantity: 1, revision: 1 };
  const otherProduct = { ...unknown, orderId: '500', productId: '999' };

  await expect(client.call('ResizeReservation', unknown)).rejects.toMatchObject({
    code: 404302,
    status: 'NOT_FOUND',
  });
  await expect(client.call('ResizeReservation', otherProduct)).rejects.toMatchObject({ code: 404302 });
  await client.call('ReleaseStock', { orderId: '500' });
  await expect(resize(5, 1)).rejects.toMatchObject({ code: 409304 });

  expect(await stockOf(productId)).toEqual({ stock: 10, reserved: 0, ledger: 10 });
});

test.each([
  ['no order', { orderId: '0' }],
  ['no product', { productId: '0' }],
  ['fewer than no units', { quantity: -1 }],
  ['no revision', { revision: 0 }],
])('a resize with %s is refused', async (_name, change) => {
  const wanted = { orderId: '600', productId: '1', quantity: 1, revision: 1, ...change };

  await expect(asSeckill().call('ResizeReservation', wanted)).rejects.toMatchObject({ code: 400300 });
});

test('nobody but seckill-service may resize', async () => {
  const orders = fixture.clientAs('order-service', productService);
  const wanted = { orderId: '1', productId: '1', quantity: 1, revision: 1 };

  await expect(orders.call('ResizeReservation', wanted)).rejects.toMatchObject({ code: 403300 });
});

test('twenty activities that grow at once share what is there', async () => {
  const { id: productId } = await fixture.createProduct({ stock: 50 });
  const client = asSeckill();
  const orderOf = (index: number) => String(700 + index);
  for (let index = 0; index < 20; index += 1)
    await client.call('ReserveStock', { orderId: orderOf(index), lines: [{ productId, quantity: 1 }] });

  const answers = await releaseTogether(20, (index) =>
    client.call(
      'ResizeReservation',
      { orderId: orderOf(index), productId, quantity: 4, revision: 1 },
      { timeoutMs: 20_000 },
    ),
  );

  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  expect(await stockOf(productId)).toEqual({ stock: 0, reserved: 50, ledger: 0 });
});

test('a captured ResizeReservation, sent again with its token, changes nothing more', async () => {
  const { productId } = await reserved('800');
  const captured = captureCall({
    port: fixture.config.grpcPort,
    method: productService.ResizeReservation,
    token: await fixture.tokens.of('seckill-service').issue('product-service'),
    request: { orderId: '800', productId, quantity: 6, revision: 1 },
  });

  const first = await captured.send();
  const again = await releaseTogether(10, () => captured.send());

  captured.close();
  expect(first).toEqual({ changed: true });
  expect(again).toEqual(Array(10).fill({ status: 'fulfilled', value: { changed: false } }));
  expect(await stockOf(productId)).toEqual({ stock: 4, reserved: 6, ledger: 4 });
});
