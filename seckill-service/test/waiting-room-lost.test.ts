import { admin } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { verifySale } from '../src/use-cases/verify-sale';
import { startWaitingRoomFixture, type WaitingRoomFixture } from './waiting-room-fixture';

let fixture: WaitingRoomFixture;
beforeAll(async () => {
  fixture = await startWaitingRoomFixture('roomlost');
}, 60_000);
afterAll(() => fixture.stop());

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
const control = (activityId: string, what: string) =>
  fixture.http.call(`POST /api/v1/admin/seckill/activities/${activityId}/${what}`, {
    user: admin,
    body: {},
  });
const saved = async (activityId: string) => {
  const [row] = await fixture.db.query<{ window_size: number; issued: number; admitted: number }[]>(
    'SELECT window_size, issued, admitted FROM waiting_rooms WHERE activity_id = ?',
    [activityId],
  );
  return row;
};
const isSaved = (activityId: string, issued: number) =>
  eventually(async () => (await saved(activityId))?.issued === issued);

test('Redis lost after the start: who was admitted stays so, and who has a ticket stands where they stood', async () => {
  const activityId = await fixture.openRoom(1_000);
  const tickets = new Map<number, string>();
  for (const user of numbers(1, 10))
    tickets.set(user, (await fixture.enter(activityId, user)).body.data.ticket);
  await fixture.startSale(activityId);
  await eventually(async () => (await fixture.admissions(activityId)).at(-1)?.to === 10);
  await control(activityId, 'pause');
  await eventually(async () => (await fixture.enter(activityId, 11)).body.data.status === 'PAUSED');
  const before = new Map<number, number | null>();
  for (const user of numbers(11, 20)) {
    const { ticket, position } = (await fixture.enter(activityId, user)).body.data;
    tickets.set(user, ticket);
    before.set(user, position);
  }
  await isSaved(activityId, 30);

  await fixture.lose(activityId);
  const newcomer = (await fixture.enter(activityId, 99)).body.data;
  const after = new Map<number, number | null>();
  for (const user of numbers(11, 20).toReversed()) {
    const { body } = await fixture.look(activityId, user, tickets.get(user) ?? '');
    after.set(user, body.data.position);
    // The next poll costs Redis nothing again.
    expect(body.data.ticket).not.toBe(tickets.get(user));
  }
  const winner = await eventually(async () => {
    const { body } = await fixture.look(activityId, 1, tickets.get(1) ?? '');
    return body.data.status === 'ADMITTED' && body.data;
  });
  await eventually(async () => (await fixture.sales.read(activityId))?.isRebuilding === false);
  await control(activityId, 'resume');
  await eventually(
    async () => (await fixture.look(activityId, 99, newcomer.ticket)).body.data.status === 'ADMITTED',
    { timeoutMs: 20_000 },
  );

  expect([...before.values()]).toEqual(numbers(1, 20));
  expect(after).toEqual(before);
  expect(newcomer.position).toBe(21);
  expect(winner.position).toBeNull();
  expect(await verifySale(fixture.db, { activityId })).toMatchObject({ finding: undefined, admitted: 31 });
}, 40_000);

test('Redis lost before the start: everybody draws the lot they had', async () => {
  const activityId = await fixture.openRoom(1);
  const tickets = new Map<number, string>();
  for (const user of numbers(1, 30))
    tickets.set(user, (await fixture.enter(activityId, user)).body.data.ticket);
  const lots = await fixture.redis.redis.zrange(
    fixture.keyOf(activityId, 'room-window'),
    '0',
    '-1',
    'WITHSCORES',
  );

  await fixture.lose(activityId);
  for (const user of numbers(1, 30)) {
    const again =
      user % 2 === 0
        ? () => fixture.look(activityId, user, tickets.get(user) ?? '')
        : () => fixture.enter(activityId, user);
    await eventually(async () => {
      const { body } = await again();
      return body.data.ticket !== tickets.get(user);
    });
  }

  expect(
    await fixture.redis.redis.zrange(fixture.keyOf(activityId, 'room-window'), '0', '-1', 'WITHSCORES'),
  ).toEqual(lots);
});

test('Redis lost at the start: who was there before stands among the early ones, about where their lot was', async () => {
  const activityId = await fixture.openRoom(1);
  const tickets = new Map<number, string>();
  for (const user of numbers(1, 60))
    tickets.set(user, (await fixture.enter(activityId, user)).body.data.ticket);
  const lots = await fixture.redis.redis.zrange(fixture.keyOf(activityId, 'room-window'), '0', '-1');
  await isSaved(activityId, 60);
  await control(activityId, 'pause');

  await fixture.lose(activityId);
  await fixture.startSale(activityId);
  await fixture.redis.redis.del(fixture.keyOf(activityId, 'state'));
  const late = await eventually(async () => {
    const { body } = await fixture.enter(activityId, 99);
    return body.data.position !== null && body.data;
  });
  const places = [];
  for (const user of lots) {
    const { body } = await fixture.look(activityId, Number(user), tickets.get(Number(user)) ?? '');
    places.push(body.data.position ?? 0);
  }

  expect(late.position).toBe(61);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(Math.max(...places)).toBeLessThanOrEqual(60);
  expect(new Set(places).size).toBeGreaterThan(20);
});
