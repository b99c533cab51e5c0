import { markForRehearsal, seckillReserved } from '@onrush/proto';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { activityBody, startFixture, type Fixture } from './fixture';

interface View {
  id: string;
  version: number;
  rehearsal: boolean;
  remaining: number;
  total: number;
}

let fixture: Fixture;
let rehearsal: string;
let sale: string;
const synthetic = markForRehearsal('41');
const another = markForRehearsal('42');
beforeAll(async () => {
  fixture = await startFixture('rehearsal');
  fixture.products.stock = 5;
  rehearsal = await fixture.openActivity({ rehearsal: true, total: 10 });
  sale = await fixture.openActivity({ total: 5 });
}, 60_000);
afterAll(() => fixture.stop());

const call = <T = View>(at: string, options: Parameters<Fixture['http']['call']>[1] = {}) =>
  fixture.http.call<T>(at, options);
const buy = (activityId: string, user: string) =>
  call<{ reservation_id: string; order_no: string }>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: {},
  });
const remaining = async (activityId: string) => (await fixture.sales.read(activityId))?.remaining;

test('a rehearsal is in no list, and there for nobody but staff', async () => {
  const list = await call<{ items: View[]; total: number }>('GET /api/v1/seckill/activities');
  const asked = ['', '/status'].map((page) => `GET /api/v1/seckill/activities/${rehearsal}${page}`);
  const told = await Promise.all(
    asked.flatMap((at) => [call(at), call(at, { user: admin }), call(at, { user: buyer(synthetic) })]),
  );
  const seen = await call(`GET /api/v1/admin/seckill/activities/${rehearsal}`, { user: admin });
  const real = await call(`GET /api/v1/admin/seckill/activities/${sale}`, { user: admin });
  const peeked = await call(`GET /api/v1/admin/seckill/activities/${rehearsal}`, { user: buyer(1) });

  expect(list.body.data).toMatchObject({ items: [{ id: sale, rehearsal: false }], total: 1 });
  expect(told.map(({ body }) => body.code)).toEqual(Array(6).fill(404_401));
  expect(seen.body.data).toMatchObject({ id: rehearsal, rehearsal: true, remaining: 10 });
  expect(real.body.data).toMatchObject({ id: sale, rehearsal: false });
  expect(peeked.status).toBe(403);
});

test('its units are its own: product-service reserves none, not even for more of them', async () => {
  const more = await call(`POST /api/v1/admin/seckill/activities/${rehearsal}/stock`, {
    user: admin,
    body: { delta: 7, reason: 'a larger hall' },
  });
  const fewer = await call(`POST /api/v1/admin/seckill/activities/${rehearsal}/stock`, {
    user: admin,
    body: { delta: -7, reason: 'the smaller one' },
  });

  expect([more.status, more.body.data.total, fewer.status, fewer.body.data.total]).toEqual([
    200, 17, 200, 10,
  ]);
  expect([...fixture.products.reserved]).toEqual([[sale, 5]]);
  expect(fixture.products.revisions.size).toBe(0);
});

test('a synthetic user buys in it, by the whole path; a real one is told that it is not there, and nothing is taken', async () => {
  const events = await fixture.kafka.collect(seckillReserved);

  const refused = await buy(rehearsal, '7');
  const untouched = await remaining(rehearsal);
  const bought = await buy(rehearsal, synthetic);

  expect([refused.status, refused.body.code, untouched]).toEqual([404, 404_401, 10]);
  expect(bought.status).toBe(202);
  await eventually(() => events.some(({ payload }) => payload.user_id === synthetic));
  expect(events.map(({ payload }) => [payload.activity_id, payload.user_id])).toEqual([
    [rehearsal, synthetic],
  ]);
});

test('a synthetic user cannot buy in a sale, and nothing is taken', async () => {
  const refused = await buy(sale, another);

  expect([refused.status, refused.body.code]).toEqual([404, 404_401]);
  expect(await remaining(sale)).toBe(5);
});

test('the remembered answer of a sold-out rehearsal does not tell a real user of it', async () => {
  const small = await fixture.openActivity({ rehearsal: true, total: 1 });
  await buy(small, synthetic);
  const last = [await buy(small, another), await buy(small, another)];

  const refused = await buy(small, '7');

  expect(last.map(({ status }) => status)).toEqual([409, 409]);
  expect(refused.body.code).toBe(404_401);
});

test('purchase tokens keep to the same rule', async () => {
  const wanted = { token_required: true };
  const ofRehearsal = await fixture.openActivity({ ...wanted, rehearsal: true });
  const ofSale = await fixture.openActivity({ ...wanted, total: 1 });
  const ask = (activityId: string, user: string) =>
    call(`POST /api/v1/seckill/activities/${activityId}/token`, { user: buyer(user), body: {} });

  const answers = [
    await ask(ofRehearsal, synthetic),
    await ask(ofRehearsal, '7'),
    await ask(ofSale, synthetic),
    await ask(ofSale, '7'),
  ];

  expect(answers.map(({ status }) => status)).toEqual([201, 404, 404, 201]);
});

test('its waiting room lets synthetic users in, and is not there for others', async () => {
  const soon = new Date(Date.now() + 600_000).toISOString();
  const later = new Date(Date.now() + 7_200_000).toISOString();
  const plan = (changes: object) =>
    call('POST /api/v1/admin/seckill/activities', {
      user: admin,
      body: activityBody({ starts_at: soon, ends_at: later, waiting_room: { rate: 10 }, ...changes }),
    });
  const rooms = [(await plan({ rehearsal: true })).body.data.id, (await plan({})).body.data.id];
  const enter = (activityId: string | undefined, user: string) =>
    call(`POST /api/v1/seckill/activities/${activityId}/queue`, { user: buyer(user), body: {} });

  const codes = await Promise.all(
    rooms
      .flatMap((room) => [enter(room, synthetic), enter(room, '7')])
      .map(async (answer) => (await answer).body.code),
  );

  expect(codes).toEqual([0, 404_401, 404_401, 0]);
});

test('what is a rehearsal stays one, and what is not becomes none', async () => {
  const planned = await call('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody({ rehearsal: true }),
  });
  const { id, version } = planned.body.data;

  const changed = await call(`PUT /api/v1/admin/seckill/activities/${id}`, {
    user: admin,
    body: { version, rehearsal: false },
  });
  const wrong = await call('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody({ rehearsal: 'yes' }),
  });

  expect([planned.status, planned.body.data.rehearsal]).toEqual([201, true]);
  expect([changed.status, wrong.status]).toEqual([400, 400]);
});
