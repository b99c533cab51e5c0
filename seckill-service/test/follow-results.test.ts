import type { ChannelListener } from '@onrush/chassis/redis-channels';
import { createKeys } from '@onrush/chassis/redis';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import type { Reservation, ReservationStatus } from '../src/domain/reservation';
import { createResults } from '../src/use-cases/follow-results';

const reservation = (id: string, activityId = '1'): Reservation => ({
  id,
  activityId,
  userId: '5',
  orderNo: '6',
  quantity: 1,
  status: 'QUEUED',
  reason: null,
  updatedAt: new Date(0),
});

/** Channels that the test speaks on, and a ledger that it fills. */
function start() {
  const listeners = new Map<string, ChannelListener>();
  const ledger = new Map<string, ReservationStatus>();
  const queries: string[][] = [];
  const { logger, lines } = recordingLogger();
  const results = createResults({
    db: {
      query: (_sql: string, [ids]: [string[]]) => {
        queries.push(ids);
        const known = ids.filter((id) => ledger.has(id));
        return Promise.resolve(
          known.map((id) => ({
            id,
            activity_id: '1',
            status: ledger.get(id),
            reason: null,
            updated_at: new Date(1),
          })),
        );
      },
    } as never,
    keys: createKeys('x', 'seckill'),
    channels: {
      listen: (channel: string, listener: ChannelListener) => listeners.set(channel, listener),
      unlisten: (channel: string) => listeners.delete(channel),
    } as never,
    checkMs: 600_000,
    logger,
  });
  const follow = (one: Reservation) => {
    const told: ReservationStatus[] = [];
    const leave = results.follow(one, ({ status }) => told.push(status));
    return { told, leave };
  };
  return { listeners, ledger, queries, lines, follow };
}

const channelOf = (activityId: string) => `x:seckill:{a:${activityId}}:results`;

test('what happened between the first look and the first message is looked up, together for all who come together', async () => {
  const { listeners, ledger, queries, follow } = start();
  const [one, two] = [follow(reservation('10')), follow(reservation('11'))];
  ledger.set('10', 'ORDERED');
  ledger.set('11', 'RELEASED');
  expect(queries).toEqual([]);

  listeners.get(channelOf('1'))?.onListening();
  await eventually(() => one.told.length === 1 && two.told.length === 1);
  const late = follow(reservation('11'));
  await eventually(() => late.told.length === 1);

  expect([one.told, two.told, late.told]).toEqual([['ORDERED'], ['RELEASED'], ['RELEASED']]);
  expect(queries).toEqual([['10', '11'], ['11']]);
});

test('a channel is listened to for as long as somebody follows something there', () => {
  const { listeners, follow } = start();

  const [one, same, other] = [
    follow(reservation('10')),
    follow(reservation('10')),
    follow(reservation('20', '2')),
  ];
  expect([...listeners.keys()]).toEqual([channelOf('1'), channelOf('2')]);
  one.leave();
  expect(listeners.has(channelOf('1'))).toBe(true);
  same.leave();
  other.leave();

  expect([...listeners.keys()]).toEqual([]);
});

test.each([
  ['no JSON', 'ORDERED 10'],
  ['another form', JSON.stringify({ state: 'ORDERED', ids: ['10'] })],
  ['a state that nobody knows', JSON.stringify({ status: 'SHIPPED', reason: null, at: 0, ids: ['10'] })],
])('a message of %s is said in the log, and changes nothing', (_name, message) => {
  const { listeners, lines, follow } = start();
  const { told } = follow(reservation('10'));

  listeners.get(channelOf('1'))?.onMessage(message);

  expect(told).toEqual([]);
  expect(lines).toHaveLength(1);
});
