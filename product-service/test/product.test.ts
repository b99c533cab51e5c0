import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { createMetrics } from '@onrush/chassis/metrics';
import { createOutbox } from '@onrush/chassis/outbox';
import { createKeys } from '@onrush/chassis/redis';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { productChanged, productService } from '@onrush/proto';
import { createProductCache } from '../src/data/product-cache';
import { createProductRepository } from '../src/data/product-repository';
import { ProductTable } from '../src/data/product-table';
import type { Product } from '../src/domain/product';
import { errors } from '../src/errors';
import { httpRoutes } from '../src/handlers/http';
import { adjustStock } from '../src/use-cases/adjust-stock';
import { updateProduct } from '../src/use-cases/update-product';
import { productBody, startFixture, type Fixture, type ProductView } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('product');
}, 60_000);
afterAll(() => fixture.stop());

const asOrders = () => fixture.clientAs('order-service', productService);
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

const productCache = () =>
  createProductCache({
    redis: fixture.redis.redis,
    keys: createKeys(fixture.namespace, 'product'),
    seconds: 30,
    logger: silentLogger,
  });

test('a reader who was slow does not bring an old page back', async () => {
  const product = await fixture.createProduct({ price: 500 });
  const change = { user: admin, body: { price: 700, version: 1 } };

  await productCache().read(product.id, async () => {
    const old = await fixture.db.getRepository(ProductTable).findOneByOrFail({ id: product.id });
    await fixture.http.call(`PUT /api/v1/admin/products/${product.id}`, change);
    return old;
  });

  const page = await fixture.http.call<ProductView>(`GET /api/v1/products/${product.id}`);
  expect(page.body.data).toMatchObject({ price: 700, version: 2 });
});

test('while a change commits, its page comes from the database, and what is read before is not kept', async () => {
  const { id } = await fixture.createProduct();
  const cache = productCache();
  const stored = await fixture.db.getRepository(ProductTable).findOneByOrFail({ id });
  const load = jest.fn(() => Promise.resolve(stored));
  await cache.read(id, load);
  await cache.read(id, load);
  expect(load).toHaveBeenCalledTimes(1);

  await cache.outdate(id, 2);
  await cache.read(id, load);
  await cache.read(id, load);

  expect(load).toHaveBeenCalledTimes(3);
});

type ChangeDeps = Parameters<typeof updateProduct>[0];
test.each<[string, (deps: ChangeDeps, id: string) => Promise<Product>, Partial<ProductView>]>([
  ['product', (deps, id) => updateProduct(deps, { id, version: 1 }, { price: 700 }), { price: 700 }],
  [
    'stock',
    (deps, id) => adjustStock(deps, { productId: id, delta: 3, reason: 'recount', by: '1' }),
    { stock: 13 },
  ],
])('whoever hears of a changed %s at once finds the new page', async (_what, change, changed) => {
  const { id } = await fixture.createProduct({ price: 500, stock: 10 });
  await fixture.http.call(`GET /api/v1/products/${id}`);
  const stored = createProductRepository(fixture.db);
  const seen: (Product | null)[] = [];
  // The change is committed when the service reads it, and from then on any relay may have announced it.
  const find = async () => {
    seen.push(await productCache().read(id, () => stored.find(id)));
    return stored.find(id);
  };

  await change({ ...changeDeps(), products: { ...stored, find } }, id);

  expect(seen).toEqual([expect.objectContaining({ ...changed, version: 2 })]);
});

const changeDeps = (): Omit<ChangeDeps, 'products'> => ({
  db: fixture.db,
  cache: productCache(),
  outbox: createOutbox({
    db: fixture.db,
    broker: fixture.kafka.broker,
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
  }),
});

test('30 refused writes at once leave the service answering', async () => {
  const product = await fixture.createProduct();
  const stale = (index: number) =>
    index % 2 === 0
      ? fixture.http.call(`PUT /api/v1/admin/products/${product.id}`, {
          user: admin,
          body: { price: 1, version: 99 },
        })
      : fixture.http.call(`POST /api/v1/admin/products/${product.id}/stock`, {
          user: admin,
          body: { delta: -1_000, reason: 'lost' },
        });

  const answers = await releaseTogether(30, stale);

  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0));
  expect([...new Set(statuses)]).toEqual([409]);
});

test('a change may name its version in If-Match; stock may be set from the version that was read', async () => {
  const product = await fixture.createProduct({ stock: 5 });
  const change = (ifMatch: string) =>
    fixture.http.call<ProductView>(`PUT /api/v1/admin/products/${product.id}`, {
      user: admin,
      body: { price: 7 },
      headers: { 'if-match': ifMatch },
    });
  const set = (version: number) =>
    fixture.http.call<{ stock: number; version: number }>(`POST /api/v1/admin/products/${product.id}/stock`, {
      user: admin,
      body: { set: 12, version, reason: 'counted' },
    });

  expect((await change('"1"')).body.data).toMatchObject({ price: 7, version: 2 });
  expect((await change('"1"')).status).toBe(409);
  expect((await change('W/"x"')).status).toBe(400);
  expect((await set(1)).status).toBe(409);
  expect((await set(2)).body.data).toMatchObject({ stock: 12, version: 3 });
  expect(await fixture.ledgerSum(product.id)).toBe(12);
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
  expect(await fixture.ledgerSum(product.id)).toBe(8);
  expect(
    (
      await fixture.http.call('POST /api/v1/admin/products/999/stock', {
        user: admin,
        body: { delta: 1, reason: 'x' },
      })
    ).status,
  ).toBe(404);
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
