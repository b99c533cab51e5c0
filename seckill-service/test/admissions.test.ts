import { createKeys } from '@onrush/chassis/redis';
import { eventually } from '@onrush/chassis/testing/wait';
import { createWaitingRooms, type AdmissionStep, type WaitingRooms } from '../src/data/waiting-rooms';
import { createQueueTickets } from '../src/domain/queue-ticket';
import { verifySale } from '../src/use-cases/verify-sale';
import { startAnother } from './another-instance';
import { startWaitingRoomFixture, type WaitingRoomFixture } from './waiting-room-fixture';

let fixture: WaitingRoomFixture;
let rooms: WaitingRooms;
beforeAll(async () => {
  // Nobody but the workers that a test starts lets anybody in.
  fixture = await startWaitingRoomFixture('admissions', { role: 'api' });
  rooms = createWaitingRooms({ redis: fixture.redis.redis, keys: createKeys(fixture.namespace, 'seckill') });
}, 60_000);
afterAll(() => fixture.stop());

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
const mark = { window: 0, issued: 0, admitted: 0 };
const inAnHour = () => new Date(Date.now() + 3_600_000);
const past = () => new Date(Date.now() - 1_000);
const tickets = createQueueTickets({ secret: 'of this test, and thirty-two characters long' });
let nextId = 1;

/** A room without a sale. */
function newRoom() {
  const id = String((nextId += 1));
  const endsAt = inAnHour();
  return {
    id,
    enter: async (user: number, startsAt: Date) => {
      const userId = String(user);
      const lot = tickets.lotOf({ activityId: id, userId });
      const entered = await rooms.enter({ id, userId, lot, startsAt, endsAt, held: undefined, mark });
      return entered?.place ?? Number.NaN;
    },
    admit: (changes: Partial<AdmissionStep>) =>
      rooms.admit({ id, startsAt: past(), endsAt, mark, isSelling: true, rate: 1_000, ...changes }),
    set: (fields: Record<string, string | number>) =>
      fixture.redis.redis.hset(fixture.keyOf(id, 'room'), fields),
    get: async (field: string) => Number(await fixture.redis.redis.hget(fixture.keyOf(id, 'room'), field)),
  };
}
/** Of the room's bucket: as if it had been looked at so long ago. */
const secondsLater = (room: ReturnType<typeof newRoom>, seconds: number) =>
  room.set({
    refilled_at: Date.now() - seconds * 1_000,
    adjusted_at: Date.now() - seconds * 1_000,
    paced_at: Date.now() - seconds * 1_000,
  });

test('when one came in the opening window says nothing of where one stands', async () => {
  const room = newRoom();
  const users = numbers(1, 400);
  for (const user of users) expect(await room.enter(user, inAnHour())).toBe(0);

  const startsAt = past();
  const places = await Promise.all(users.map((user) => room.enter(user, startsAt)));

  expect(places.toSorted((a, b) => a - b)).toEqual(numbers(1, 400));
  // Spearman's coefficient: of lots, its standard deviation is 1 / √399; six of them are one run in 500 million.
  const squares = places.reduce((sum, place, index) => sum + (place - index - 1) ** 2, 0);
  const correlation = 1 - (6 * squares) / (400 * (400 ** 2 - 1));
  expect(Math.abs(correlation)).toBeLessThan(6 / Math.sqrt(399));
});

test('after the start everybody stands behind who came before them, however many come at once', async () => {
  const room = newRoom();
  await room.enter(1, inAnHour());
  const startsAt = past();

  const inTurn = [];
  for (const user of numbers(10, 50)) inTurn.push(await room.enter(user, startsAt));
  const atOnce = await Promise.all(numbers(1_000, 200).map((user) => room.enter(user, startsAt)));

  expect(inTurn).toEqual(numbers(2, 50));
  // One connection: they arrive in this order.
  expect(atOnce).toEqual(numbers(52, 200));
});

test('three workers let in as many as the rate allows by Redis’ clock, each once, and all of them in the end', async () => {
  const rate = 40;
  const activityId = await fixture.openRoom(rate);
  const users = numbers(1, 120);
  for (const user of users) await fixture.enter(activityId, user);
  await fixture.startSale(activityId);
  const workers = await Promise.all(
    numbers(1, 3).map(() => startAnother(fixture, { role: 'worker', admissionTickMs: 20 })),
  );

  await eventually(async () => (await fixture.admissions(activityId)).at(-1)?.to === users.length, {
    timeoutMs: 20_000,
  });
  await Promise.all(workers.map((worker) => worker.stop()));

  const admissions = await fixture.admissions(activityId);
  const all = admissions.flatMap((admission) => admission.users);
  expect(all.map(Number).toSorted((a, b) => a - b)).toEqual(users);
  const burst = rate;
  for (const [index, first] of admissions.entries()) {
    let admitted = 0;
    for (const { at, users: more } of admissions.slice(index + 1)) {
      admitted += more.length;
      expect(admitted).toBeLessThanOrEqual((rate * (at - first.at)) / 1_000 + burst);
    }
  }
  expect(await verifySale(fixture.db, { activityId })).toMatchObject({ finding: undefined, admitted: 120 });
}, 40_000);

test('a worker that dies before it has written an admission down has admitted nobody; one that dies after it, everybody', async () => {
  const activityId = await fixture.openRoom(1_000);
  for (const user of numbers(1, 10)) await fixture.enter(activityId, user);
  await fixture.startSale(activityId);
  const startsAt = past();
  const step = { id: activityId, startsAt, endsAt: inAnHour(), isSelling: true, rate: 1_000 };

  const decided = await rooms.admit({ ...step, mark });
  const afterDecision = await rooms.read(activityId);
  await rooms.admit({ ...step, mark: { window: 10, issued: 10, admitted: 4 }, isSelling: false });
  const afterCommit = await rooms.read(activityId);

  expect(decided).toMatchObject({ admitted: 10 });
  expect(afterDecision?.admitted).toBe(0);
  expect(afterCommit?.admitted).toBe(4);
});

describe('the bucket', () => {
  test('gives a second’s worth at most, however long nobody was there', async () => {
    const room = newRoom();
    for (const user of numbers(1, 30)) await room.enter(user, past());
    await room.set({ refilled_at: Date.now() - 60_000, tokens: 0 });

    const first = await room.admit({ rate: 10 });
    const second = await room.admit({ rate: 10, mark: { ...mark, admitted: first?.admitted ?? 0 } });

    expect(first?.users).toEqual(numbers(1, 10).map(String));
    expect(second?.users.length).toBeLessThan(10);
  });

  test.each([
    ['a sale that sells nothing', { isSelling: false }],
    ['a sale that is over', { endsAt: past() }],
    ['a sale that has not started', { startsAt: inAnHour() }],
  ])('gives nothing for %s', async (_name, change: Partial<AdmissionStep>) => {
    const room = newRoom();
    for (const user of numbers(1, 3)) await room.enter(user, inAnHour());

    expect(await room.admit(change)).toMatchObject({ admitted: 0, users: [] });
    // Whoever looks early does not draw the lots early.
    if (change.startsAt) expect(await room.enter(4, inAnHour())).toBe(0);
  });

  test('admits nobody to a room that nobody has entered', async () => {
    expect(await newRoom().admit({})).toBeUndefined();
  });
});

describe('the adaptive rate', () => {
  const adaptive = { least: 10, most: 1_000, waiting: 0, mostWaiting: 100 };
  const busyRoom = async () => {
    const room = newRoom();
    await room.enter(1, past());
    await room.set({ issued: 1_000_000 });
    return room;
  };
  const rateAfter = async (room: ReturnType<typeof newRoom>, waiting: number) => {
    await secondsLater(room, 2);
    return (await room.admit({ rate: { ...adaptive, waiting } }))?.rate;
  };

  test('doubles until the back end falls behind, then gives way, and rises by little', async () => {
    const room = await busyRoom();

    const rates = [];
    for (const waiting of [0, 100, 0, 101, 101, 0, 0]) rates.push(await rateAfter(room, waiting));

    const expected = [20, 40, 80, 80 * 0.7, 80 * 0.49, 80 * 0.49 + 20, 80 * 0.49 + 40];
    expect(rates.map((rate) => Math.round((rate ?? 0) * 10))).toEqual(
      expected.map((rate) => Math.round(rate * 10)),
    );
  });

  test('stays between its bounds, and where it is while nobody has to wait for it', async () => {
    const [low, high, idle] = [await busyRoom(), await busyRoom(), await busyRoom()];
    await idle.set({ issued: 1 });

    const rates = { low: 0, high: 0, idle: 0 };
    for (let turn = 0; turn < 12; turn += 1) {
      rates.low = (await rateAfter(low, 1_000)) ?? 0;
      rates.high = (await rateAfter(high, 0)) ?? 0;
      rates.idle = (await rateAfter(idle, 0)) ?? 0;
    }

    expect(rates).toEqual({ low: 10, high: 1_000, idle: 10 });
  });

  test('is adjusted once a second, however many workers there are', async () => {
    const room = await busyRoom();
    await secondsLater(room, 2);

    const rates = [];
    for (let worker = 0; worker < 5; worker += 1) rates.push((await room.admit({ rate: adaptive }))?.rate);

    expect(new Set(rates).size).toBe(1);
  });
});

test('the pace is what was measured while somebody waited and could be let in', async () => {
  const room = newRoom();
  for (const user of numbers(1, 3)) await room.enter(user, past());
  await room.set({ issued: 1_000, tokens: 0, pace: 100 });
  const rate = 100;

  await secondsLater(room, 5);
  await room.set({ refilled_at: Date.now() + 60_000 });
  await room.admit({ rate });
  const slow = await room.get('pace');
  await secondsLater(room, 60);
  await room.admit({ rate, isSelling: false });
  const paused = await room.get('pace');

  expect(slow).toBeLessThan(70);
  expect(slow).toBeGreaterThan(50);
  expect(paused).toBe(slow);
});
