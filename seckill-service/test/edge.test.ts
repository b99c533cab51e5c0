import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { errors } from '../src/errors';
import { httpRoutes, type HttpDeps } from '../src/handlers/http';
import { resultEventRoutes, type ResultEventDeps } from '../src/handlers/result-events';
import { activityBody, startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('edge');
}, 60_000);
afterAll(() => fixture.stop());

const create = (body: unknown) =>
  fixture.http.call<{ id: string; version: number }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body,
  });
const countActivities = async () => (await fixture.db.query<unknown[]>('SELECT id FROM activities')).length;

test('every route refuses bad requests in the envelope, and changes nothing', async () => {
  const before = await countActivities();
  const routes = [...httpRoutes({} as HttpDeps), ...resultEventRoutes({} as ResultEventDeps)];

  for (const bad of badRequestsOf(routes, fixture.http, buyer(1))) {
    const answer = await bad.send();
    expect({ request: bad.name, problems: problemsWith(answer, bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  }

  expect(await countActivities()).toBe(before);
});

test.each([
  ['total 0', { total: 0 }],
  ['a total with a fraction', { total: 1.5 }],
  ['a total as text', { total: '10' }],
  ['price 0', { price: 0 }],
  ['an end before the start', { ends_at: '2020-01-01T00:00:00Z' }],
  ['a time that is none', { starts_at: 'tomorrow' }],
  ['a limit of 0', { per_user_limit: 0 }],
  ['an id as a number', { product_id: 77 }],
])('an activity with %s is refused with the field named', async (_name, change) => {
  const answer = await create(activityBody(change));

  expect(answer.status).toBe(400);
  expect(answer.body.errors?.map((problem) => problem.field)).toContain(Object.keys(change)[0]);
});

test('an unknown product, and one that is not on sale, cannot be sold', async () => {
  expect((await create(activityBody({ product_id: '78' }))).body.code).toBe(
    errors.productNotForSale.definition.code,
  );

  fixture.products.onSale = false;
  expect((await create(activityBody())).status).toBe(409);
  fixture.products.onSale = true;
});

test.each([
  ['0', 0],
  ['-1', -1],
  ['1.5', 1.5],
  ['2^31', 2 ** 31],
  ['text', '1'],
])('a quantity of %s is refused', async (_name, quantity) => {
  const activityId = await fixture.openActivity();

  const answer = await fixture.http.call(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(5),
    body: { quantity },
  });

  expect(answer.status).toBe(400);
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 100 });
});

test('an activity changes until it is warmed up, and only from the version that was read', async () => {
  const { id, version } = (await create(activityBody())).body.data;
  const change = (body: unknown) =>
    fixture.http.call<{ total: number; version: number }>(`PUT /api/v1/admin/seckill/activities/${id}`, {
      user: admin,
      body,
    });

  const changed = await change({ total: 7, version });
  expect(changed.body.data).toMatchObject({ total: 7, version: version + 1 });
  expect((await change({ total: 8, version })).body.code).toBe(errors.versionChanged.definition.code);
  expect((await change({ ends_at: '2020-01-01T00:00:00Z', version: version + 1 })).status).toBe(400);

  await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });
  expect((await change({ total: 9, version: version + 1 })).body.code).toBe(
    errors.alreadyWarmedUp.definition.code,
  );
});

test('a warm-up of more than the product has is refused, and nothing opens', async () => {
  fixture.products.stock = 50;
  const { id } = (await create(activityBody({ total: 51 }))).body.data;

  const answer = await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });

  fixture.products.stock = 1_000_000;
  expect(answer.status).toBe(409);
  expect(await fixture.sales.read(id)).toBeUndefined();
});

test('the error codes are those of seckill-service, each once', () => {
  const codes = errors.all.map((error) => error.code);

  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.every((code) => Math.floor(code / 100) % 10 === 4)).toBe(true);
});
