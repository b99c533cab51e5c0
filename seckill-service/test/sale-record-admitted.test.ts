import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createQueueTickets } from '../src/domain/queue-ticket';
import { verifySale } from '../src/use-cases/verify-sale';
import { rechain, type ChainedRecord } from './rechain';
import { startWaitingRoomFixture, type WaitingRoomFixture } from './waiting-room-fixture';

let fixture: WaitingRoomFixture;
beforeAll(async () => {
  fixture = await startWaitingRoomFixture('recordadmitted');
}, 60_000);
afterAll(() => fixture.stop());

const verify = (activityId: string) => verifySale(fixture.db, { activityId });

/** As soon as it is his turn. */
async function buy(activityId: string, user: number, ticket: string): Promise<void> {
  const token = await eventually(async () => {
    const { status, body } = await fixture.http.call<{ token: string }>(
      `POST /api/v1/seckill/activities/${activityId}/token`,
      { user: buyer(user), body: {}, headers: { 'x-queue-ticket': ticket } },
    );
    return status === 201 && body.data.token;
  });
  const bought = await fixture.http.call(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: { token },
  });
  expect(bought.status).toBe(202);
}

/** Two users who were admitted, and then bought, one after the other. */
async function soldTwo(): Promise<string> {
  const activityId = await fixture.openRoom(100);
  await fixture.startSale(activityId);
  for (const user of [1, 2]) {
    await buy(activityId, user, (await fixture.enter(activityId, user)).body.data.ticket);
    await eventually(async () => (await verify(activityId))?.soldUnits === user);
  }
  return activityId;
}

const changed = (records: ChainedRecord[], change: (payload: string, nth: number) => string) => {
  let nth = 0;
  return records.map((record) =>
    record.kind === 'ADMITTED' ? { ...record, payload: change(record.payload, (nth += 1)) } : record,
  );
};

test('who was admitted before he bought is in order', async () => {
  const activityId = await soldTwo();

  expect(await verify(activityId)).toMatchObject({
    finding: undefined,
    admitted: 2,
    soldUnits: 2,
    unknownBuyers: 0,
  });
});

test('a buyer who was never admitted is named, also where the activity says that it has no waiting room', async () => {
  const activityId = await soldTwo();
  await rechain(fixture, activityId, (records) =>
    changed(records, (payload) => payload.replace('["2"]', '["3"]')),
  );
  const finding = {
    seq: 4,
    what: expect.stringMatching(/^user 2 bought .* and had not been admitted$/),
  };

  expect((await verify(activityId))?.finding).toEqual(finding);
  await fixture.db.query('UPDATE activities SET waiting_room = NULL WHERE id = ?', [activityId]);
  expect((await verify(activityId))?.finding).toEqual(finding);
});

test('nobody is admitted in a sale whose whole record tells of no admission', async () => {
  const activityId = await soldTwo();
  await rechain(fixture, activityId, (records) => records.filter(({ kind }) => kind !== 'ADMITTED'));

  expect((await verify(activityId))?.finding).toMatchObject({
    what: expect.stringMatching(/^user [12] bought/),
  });
});

test('a buyer who was admitted after he had bought is named', async () => {
  const activityId = await soldTwo();
  await rechain(fixture, activityId, ([first, second, admission, sold, ...more]) =>
    [first, second, sold, admission, ...more].filter((record) => record !== undefined),
  );

  expect((await verify(activityId))?.finding).toMatchObject({
    seq: 3,
    what: expect.stringMatching(/^user 2 bought/),
  });
});

test('who came before the start, and back after Redis had lost the room, is no stranger, though nobody else is admitted', async () => {
  const activityId = await fixture.openRoom(100);
  for (const user of [1, 2]) await fixture.enter(activityId, user);
  await fixture.startSale(activityId);
  await eventually(async () => (await fixture.admissions(activityId)).at(-1)?.to === 2);
  const [activity] = await fixture.db.query<{ ends_at: Date }[]>(
    'SELECT ends_at FROM activities WHERE id = ?',
    [activityId],
  );
  await fixture.redis.redis.del(
    ...['room', 'room-window', 'room-line'].map((part) => fixture.keyOf(activityId, part)),
  );

  // He never learned his place: so far into the window his lot stands, where all are admitted.
  const tickets = createQueueTickets({ secret: fixture.config.purchaseTokenSecret });
  const held = { place: 0, born: 1 };
  await buy(activityId, 7, tickets.issue({ activityId, userId: '7' }, held, activity?.ends_at ?? new Date()));

  const verdict = await eventually(async () => {
    const found = await verify(activityId);
    return found?.soldUnits === 1 && found.head.seq === 3 && found;
  });
  expect(verdict).toMatchObject({ finding: undefined, admitted: 2, unknownBuyers: 1 });
  expect((await fixture.admissions(activityId)).at(-1)).toMatchObject({ from: 3, to: 2, users: [] });
});

test.each<[string, (payload: string, nth: number) => string]>([
  ['a place without a name', (payload, nth) => (nth === 2 ? payload.replace('["2"]', '[]') : payload)],
  [
    'another room',
    (payload, nth) =>
      nth === 2 ? payload.replace('["2"]', '["3"]').replace(/"room":\d+/, '"room":1') : payload,
  ],
])(
  'after Redis has lost the room, which %s tells, buyers without a name are counted',
  async (_name, change) => {
    const activityId = await soldTwo();
    await rechain(fixture, activityId, (records) => changed(records, change));

    expect(await verify(activityId)).toMatchObject({ finding: undefined, unknownBuyers: 1 });
  },
);
