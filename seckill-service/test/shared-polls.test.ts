import { createSharedReads } from '@onrush/chassis/shared-reads';
import { createQueueTickets } from '../src/domain/queue-ticket';
import type { Room } from '../src/domain/waiting-room';
import { findStanding, type QueueUp } from '../src/use-cases/queue-up';

const room: Room = { born: 5, admitted: 100, pace: 50 };

/** A sale that has started, and how often Redis is asked about its room. */
function start() {
  const asked = { reads: 0, enters: 0 };
  const queueTickets = createQueueTickets({ secret: 'of this test, and thirty-two characters long' });
  const activity = {
    id: '10',
    waitingRoom: { rate: 50, opensMinutes: 30 },
    startsAt: new Date(Date.now() - 60_000),
    endsAt: new Date(Date.now() + 60_000),
    warmedAt: new Date(0),
    controlStatus: 'OPEN',
  };
  const live = { status: 'OPEN', remaining: 10, epoch: 1, isRebuilding: false };
  const rooms = {
    enter: () => Promise.resolve({ place: 200 + (asked.enters += 1), room }),
    read: () => Promise.resolve((asked.reads += 1) && room),
  };
  const deps = {
    reads: { findFor: () => Promise.resolve({ activity, live }) },
    rooms,
    roomReads: createSharedReads({ read: rooms.read, ttlMs: 60_000, limit: 10 }),
    queueTickets,
  } as unknown as QueueUp;
  const poll = (userId: number, held: { place: number; born: number }) => {
    const holder = { activityId: '10', userId: String(userId) };
    return findStanding(deps, holder, queueTickets.issue(holder, held, activity.endsAt));
  };
  return { asked, poll };
}

test('ten thousand polls of those who have a place are one read', async () => {
  const { asked, poll } = start();

  const standings = await Promise.all(
    Array.from({ length: 10_000 }, (_, index) => poll(index + 1, { place: index + 1, born: 5 })),
  );

  expect(asked).toEqual({ reads: 1, enters: 0 });
  expect(standings[99]).toMatchObject({ status: 'ADMITTED' });
  expect(standings[100]).toMatchObject({ status: 'WAITING', position: 1, etaSeconds: 1 });
  expect(standings[9_999]).toMatchObject({ status: 'WAITING', position: 9_900, etaSeconds: 198 });
});

test('a place that is to be drawn, and one of a room that was lost, are looked for, and the next poll is cheap', async () => {
  const { asked, poll } = start();

  const drawn = await poll(1, { place: 0, born: 5 });
  const back = await poll(2, { place: 150, born: 4 });
  await poll(1, drawn.held);
  await poll(2, back.held);

  expect(asked).toEqual({ reads: 1, enters: 2 });
  expect([drawn.position, back.position]).toEqual([101, 102]);
});
