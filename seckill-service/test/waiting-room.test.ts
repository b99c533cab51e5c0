import { releaseTogether } from '@onrush/chassis/testing/gate';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { verifySale } from '../src/use-cases/verify-sale';
import { startAnother } from './another-instance';
import { activityBody } from './fixture';
import { startWaitingRoomFixture, type WaitingRoomFixture } from './waiting-room-fixture';

let fixture: WaitingRoomFixture;
beforeAll(async () => {
  fixture = await startWaitingRoomFixture('waitingroom');
}, 60_000);
afterAll(() => fixture.stop());

const control = (activityId: string, what: string) =>
  fixture.http.call(`POST /api/v1/admin/seckill/activities/${activityId}/${what}`, {
    user: admin,
    body: {},
  });
const askToken = (activityId: string, user: number, ticket?: string) =>
  fixture.http.call<{ token: string }>(`POST /api/v1/seckill/activities/${activityId}/token`, {
    user: buyer(user),
    body: {},
    ...(ticket !== undefined && { headers: { 'x-queue-ticket': ticket } }),
  });
const buy = (activityId: string, user: number, token?: string) =>
  fixture.http.call(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: { ...(token && { token }) },
  });
const positionOf = async (activityId: string, user: number) =>
  (await fixture.enter(activityId, user)).body.data.position;
const isAdmitted = (activityId: string, user: number, ticket: string) =>
  eventually(async () => (await fixture.look(activityId, user, ticket)).body.data.status === 'ADMITTED');
/** Nobody leaves the room before everybody is in it. */
async function started(activityId: string, users: number[]) {
  const tickets = new Map<number, string>();
  await fixture.startSale(activityId);
  for (const user of users) {
    const entered = await eventually(async () => {
      const { body } = await fixture.enter(activityId, user);
      return body.data.status !== 'WAITING' || body.data.position !== null ? body.data : undefined;
    });
    tickets.set(user, entered.ticket);
  }
  return tickets;
}
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

test('one user who comes a thousand times at once has one place', async () => {
  const activityId = await fixture.openRoom(1);
  await fixture.startSale(activityId);
  await fixture.enter(activityId, 1);

  const answers = await releaseTogether(1_000, () => fixture.enter(activityId, 2));

  const tickets = answers.map((answer) => answer.status === 'fulfilled' && answer.value.body.data.ticket);
  expect(new Set(tickets).size).toBe(1);
  expect(await fixture.redis.redis.hget(fixture.keyOf(activityId, 'room'), 'issued')).toBe('2');
  expect(await fixture.redis.redis.zcard(fixture.keyOf(activityId, 'room-line'))).toBe(2);
});

test('nobody has a position before the start; from then on the early ones stand by lot, and the late ones behind them as they came', async () => {
  const activityId = await fixture.openRoom(1);
  const early = numbers(1, 30);
  const first = [];
  for (const user of early) first.push((await fixture.enter(activityId, user)).body.data);
  await control(activityId, 'pause');
  await fixture.startSale(activityId);

  const late = numbers(101, 10);
  const latePlaces = [];
  for (const user of late) latePlaces.push(await positionOf(activityId, user));
  const earlyPlaces = [];
  for (const [index, user] of early.entries())
    earlyPlaces.push((await fixture.look(activityId, user, first[index]?.ticket ?? '')).body.data.position);

  expect(first.every(({ status, position }) => status === 'WAITING' && position === null)).toBe(true);
  expect(latePlaces).toEqual(numbers(31, 10));
  expect(earlyPlaces.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(1, 30));
  expect(earlyPlaces).not.toEqual(numbers(1, 30));
  expect(await positionOf(activityId, 1)).toBe(earlyPlaces[0]);
});

test('whoever comes back, from another device and to another process, stands where they stood', async () => {
  const activityId = await fixture.openRoom(1);
  const other = await startAnother(fixture, { role: 'api' });
  const tickets = await started(activityId, numbers(1, 20));
  const path = `/api/v1/seckill/activities/${activityId}/queue`;
  const user = buyer(20);
  await control(activityId, 'pause');

  const again = (await fixture.enter(activityId, 20)).body.data;
  const elsewhere = (await other.http.call(`POST ${path}`, { user })).body.data;
  const polled = (await other.http.call(`GET ${path}?ticket=${tickets.get(20)}`, { user })).body.data;
  await other.stop();

  expect(again.ticket).toBe(tickets.get(20));
  expect(elsewhere).toMatchObject({ ticket: again.ticket });
  expect(polled).toMatchObject({ ticket: again.ticket });
});

test('tokens are for whoever was admitted, and with one the purchase goes through', async () => {
  const activityId = await fixture.openRoom(1);
  const tickets = await started(activityId, numbers(1, 60));
  const [first = '', last = ''] = [tickets.get(1), tickets.get(60)];
  await isAdmitted(activityId, 1, first);

  const refused = [await askToken(activityId, 60, last), await askToken(activityId, 60)];
  const withAnothers = await askToken(activityId, 60, first);
  const given = await askToken(activityId, 1, first);
  const without = await buy(activityId, 60);
  const bought = await buy(activityId, 1, given.body.data.token);

  expect(refused.map(({ status, body }) => [status, body.code])).toEqual(Array(2).fill([403, 403404]));
  expect(refused[0]?.headers.get('retry-after')).not.toBeNull();
  expect(withAnothers.body.code).toBe(403403);
  expect(given.status).toBe(201);
  expect(without.body.code).toBe(403401);
  expect(bought.status).toBe(202);
});

test.each([
  ['none', () => undefined],
  ['made up', () => 'x'.repeat(40)],
  ['another user’s', (tickets: Map<number, string>) => tickets.get(2)],
  ['of another sale', (_tickets: Map<number, string>, other: string) => other],
])('a ticket that is %s is refused everywhere', async (name, wrong) => {
  const activityId = await fixture.openRoom(1);
  const elsewhere = await fixture.openRoom(1);
  const other = (await fixture.enter(elsewhere, 1)).body.data.ticket;
  const ticket = wrong(await started(activityId, [1, 2]), other);
  const get = `GET /api/v1/seckill/activities/${activityId}/queue`;
  const headers = { ...(ticket && { 'x-queue-ticket': ticket }) };

  const polled = await fixture.http.call(get, { user: buyer(1), headers });
  const inQuery = await fixture.http.call(`${get}${ticket ? `?ticket=${ticket}` : ''}`, { user: buyer(1) });
  const stream = await fixture.follow(activityId, 1, { ...(ticket && { ticket }) });
  const token = await askToken(activityId, 1, ticket);

  expect([polled.body.code, inQuery.body.code]).toEqual([403403, 403403]);
  expect(stream.status).toBe(403);
  expect(token.body.code).toBe(name === 'none' ? 403404 : 403403);
  if (ticket) expect((await fixture.enter(activityId, 1, ticket)).body.code).toBe(403403);
});

test('a room is there from its opening to the end of the sale, where the sale has one', async () => {
  const without = await fixture.openActivity();
  const early = await fixture.openRoom(1, { waiting_room: { rate: 1, opens_minutes: 30 } });
  const over = await fixture.openRoom(1);
  const ticket = (await fixture.enter(over, 1)).body.data.ticket;
  await control(over, 'close');
  const cold = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody({ waiting_room: { rate: 1 } }),
  });

  const closed = await eventually(async () => {
    const { body } = await fixture.look(over, 1, ticket);
    return body.data.status === 'CLOSED' && body.data;
  });
  const answers = [];
  for (const id of [without, early, over, cold.body.data.id, '9']) answers.push(await fixture.enter(id, 1));

  expect(answers.map(({ body }) => body.code)).toEqual([409421, 409422, 409403, 0, 404401]);
  expect(Number(answers[1]?.headers.get('retry-after'))).toBeGreaterThan(1_000);
  expect(closed).toMatchObject({ position: null, eta_seconds: null });
});

test('followers are told their position as it changes, until it is their turn, and are told to stay away then', async () => {
  const activityId = await fixture.openRoom(5);
  const tickets = await started(activityId, numbers(1, 12));
  const ticket = tickets.get(12) ?? '';

  const stream = await fixture.follow(activityId, 12, { query: ticket });
  await eventually(stream.isOver, { timeoutMs: 20_000 });

  const positions = stream.events.flatMap(({ data }) => (data as { position: number | null }).position ?? []);
  expect(stream.headers['content-type']).toBe('text/event-stream');
  expect(positions.length).toBeGreaterThan(2);
  expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => b - a));
  expect(stream.events.at(-1)).toMatchObject({ id: 'ADMITTED', data: { status: 'ADMITTED' } });
  expect((await fixture.follow(activityId, 12, { ticket, lastEventId: 'ADMITTED' })).status).toBe(204);
  expect((await fixture.follow(activityId, 12, { ticket, lastEventId: 'WAITING' })).status).toBe(200);
});

test('nobody is admitted while the sale is paused or sold out; those who wait are told so, and it goes on', async () => {
  const activityId = await fixture.openRoom(1_000, { total: 1 });
  await control(activityId, 'pause');
  const tickets = await started(activityId, [1, 2, 3]);
  const statusOf = async (user: number) =>
    (await fixture.look(activityId, user, tickets.get(user) ?? '')).body.data;
  expect(
    await eventually(async () => {
      const found = await statusOf(1);
      return found.status === 'PAUSED' && found;
    }),
  ).toMatchObject({ position: 1, eta_seconds: null });
  expect(await fixture.admissions(activityId)).toEqual([]);

  await control(activityId, 'resume');
  await isAdmitted(activityId, 3, tickets.get(3) ?? '');
  const token = (await askToken(activityId, 1, tickets.get(1))).body.data.token;
  const bought = await buy(activityId, 1, token);
  await eventually(async () => (await fixture.sales.read(activityId))?.remaining === 0);
  const late = (await fixture.enter(activityId, 4)).body.data;
  await eventually(
    async () => (await fixture.look(activityId, 4, late.ticket)).body.data.status === 'SOLD_OUT',
  );
  const before = await fixture.admissions(activityId);
  const { reservation_id: id } = bought.body.data as { reservation_id: string };
  await fixture.sales.release({ id, activityId, userId: '1' }, { restock: true });
  await isAdmitted(activityId, 4, late.ticket);

  expect(before.at(-1)?.to).toBe(3);
  expect((await fixture.admissions(activityId)).at(-1)).toMatchObject({ from: 4, to: 4, users: ['4'] });
});

test('who was admitted, and when, is in the record of the sale', async () => {
  const activityId = await fixture.openRoom(100);
  const users = numbers(1, 25);
  const tickets = await started(activityId, users);
  await isAdmitted(activityId, 25, tickets.get(25) ?? '');

  const verdict = await verifySale(fixture.db, { activityId });
  const admissions = await fixture.admissions(activityId);
  await fixture.db.query(
    `UPDATE sale_records SET payload = REPLACE(payload, '"7"', '"77"') WHERE activity_id = ?`,
    [activityId],
  );
  const forged = await verifySale(fixture.db, { activityId });

  expect(verdict).toMatchObject({ finding: undefined, admitted: 25 });
  expect(admissions.flatMap((admission) => admission.users)).toEqual(users.map(String));
  const wrong = admissions.findIndex((admission) => admission.users.includes('7')) + 1;
  expect(forged?.finding?.seq).toBe(wrong);
});

test.each(['', '/events'])('a ticket that is too long is refused: queue%s', async (path) => {
  const activityId = await fixture.openRoom(1);

  const answer = await fixture.http.call(
    `GET /api/v1/seckill/activities/${activityId}/queue${path}?ticket=${'x'.repeat(65)}`,
    { user: buyer(1) },
  );
  const unknown = await fixture.http.call(
    `GET /api/v1/seckill/activities/${activityId}/queue${path}?tickets=x`,
    { user: buyer(1) },
  );

  expect([answer.status, unknown.status]).toEqual([400, 400]);
});
