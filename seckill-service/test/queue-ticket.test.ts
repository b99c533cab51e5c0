import { createQueueTickets } from '../src/domain/queue-ticket';
import { lots, standingOf, type Room } from '../src/domain/waiting-room';

const secret = 'of the tests, and thirty-two characters long';
const holder = { activityId: '10', userId: '7' };
const held = { place: 4_000_000_000, born: 1_700_000_000_123 };
const expiresAt = new Date(2_000_000);
const ticketsAt = (now: number) => createQueueTickets({ secret, now: () => now });

test('a ticket says what it was made of, to its holder, until it expires', () => {
  const ticket = ticketsAt(0).issue(holder, held, expiresAt);

  expect(ticketsAt(1_999_999).read(ticket, holder)).toEqual(held);
  expect(ticketsAt(2_000_000).read(ticket, holder)).toBeUndefined();
  expect(ticketsAt(0).read(ticket, { ...holder, userId: '8' })).toBeUndefined();
  expect(ticketsAt(0).read(ticket, { ...holder, activityId: '11' })).toBeUndefined();
});

test('a ticket of which a bit was changed is none, and neither is anything else', () => {
  const tickets = ticketsAt(0);
  const bytes = Buffer.from(tickets.issue(holder, held, expiresAt), 'base64url');

  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const forged = Buffer.from(bytes);
    forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(tickets.read(forged.toString('base64url'), holder)).toBeUndefined();
  }
  const other = createQueueTickets({ secret: `${secret}!`, now: () => 0 });
  expect(other.read(bytes.toString('base64url'), holder)).toBeUndefined();
  for (const nonsense of ['', 'x', 'x'.repeat(40), 'ä'.repeat(40), bytes.toString('base64url') + 'A'])
    expect(tickets.read(nonsense, holder)).toBeUndefined();
});

test('a lot is the same however often it is asked for, another for everybody and every sale, and evenly spread', () => {
  const tickets = ticketsAt(0);
  const drawn = Array.from({ length: 1_000 }, (_, id) => tickets.lotOf({ ...holder, userId: String(id) }));

  expect(tickets.lotOf(holder)).toBe(tickets.lotOf(holder));
  expect(tickets.lotOf(holder)).not.toBe(tickets.lotOf({ ...holder, activityId: '11' }));
  expect(new Set(drawn).size).toBe(1_000);
  const mean = drawn.reduce((sum, lot) => sum + lot / lots, 0) / drawn.length;
  expect(mean).toBeGreaterThan(0.4);
  expect(mean).toBeLessThan(0.6);
});

describe('where somebody stands', () => {
  const startsAt = new Date(60_000);
  const plan = { rate: 10, opensMinutes: 30 };
  const stand = (
    place: number,
    changes: { status?: 'NOT_STARTED' | 'OPEN' | 'PAUSED' | 'SOLD_OUT' | 'ENDED'; room?: Partial<Room> } = {},
    { now = 70_000, random = 0 } = {},
  ) => {
    const room = { born: 1, admitted: 100, pace: 0, ...changes.room };
    return standingOf(
      { place, born: 1 },
      { status: changes.status ?? 'OPEN', startsAt, room, plan },
      { now: new Date(now), random },
    );
  };

  test('the position is counted from whoever is next, and the time from the pace that was measured', () => {
    expect(stand(101)).toEqual({ status: 'WAITING', position: 1, etaSeconds: 1, pollAfterSeconds: 1 });
    expect(stand(1_100)).toMatchObject({ position: 1_000, etaSeconds: 100, pollAfterSeconds: 15 });
    expect(stand(1_100, { room: { pace: 40 } })).toMatchObject({ etaSeconds: 25, pollAfterSeconds: 7 });
    expect(stand(100)).toMatchObject({ status: 'ADMITTED', position: null, etaSeconds: 0 });
  });

  test('nobody is told a time that nobody knows', () => {
    expect(stand(200, { status: 'PAUSED' })).toMatchObject({
      status: 'PAUSED',
      position: 100,
      etaSeconds: null,
    });
    expect(stand(200, { status: 'SOLD_OUT' })).toMatchObject({ status: 'SOLD_OUT', etaSeconds: null });
    expect(stand(200, { status: 'ENDED' })).toMatchObject({ status: 'CLOSED', position: null });
    expect(stand(50, { status: 'ENDED' })).toMatchObject({ status: 'CLOSED' });
    const adaptive = { status: 'OPEN', startsAt, room: { born: 1, admitted: 0, pace: 0 } } as const;
    expect(
      standingOf(
        { place: 5, born: 1 },
        { ...adaptive, plan: { rate: 'adaptive', opensMinutes: 0 } },
        { now: new Date(70_000), random: 0 },
      ),
    ).toMatchObject({ status: 'WAITING', position: 5, etaSeconds: null });
  });

  test('before the start nobody has a position, and those who wait for it come back at different times', () => {
    const early = { status: 'NOT_STARTED' } as const;
    const drawn = { position: null, etaSeconds: null };
    expect(stand(0, early, { now: 0 })).toMatchObject({ ...drawn, pollAfterSeconds: 15 });
    expect(stand(0, early, { now: 58_000 })).toMatchObject({ ...drawn, pollAfterSeconds: 2 });
    expect(stand(0, early, { now: 58_000, random: 0.9 })).toMatchObject({ ...drawn, pollAfterSeconds: 5 });
  });
});
