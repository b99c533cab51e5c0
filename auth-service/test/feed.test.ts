import { createMetrics } from '@onrush/chassis/metrics';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { createFeed, type FeedStream } from '../src/data/feed';

const stoppers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

/** A stream that takes what it is given, until it is stuck. */
const playStream = () => {
  const listeners: Record<string, () => void> = {};
  const state = {
    written: [] as object[],
    isStuck: false,
    /** How many messages it takes before it is full. */
    room: Infinity,
    hasEnded: false,
    cancelled: false,
    get writableNeedDrain() {
      return state.isStuck;
    },
    write(message: object) {
      if (state.written.push(message) >= state.room) state.isStuck = true;
      return !state.isStuck;
    },
    end: () => (state.hasEnded = true),
    on: (event: string, listener: () => void) => (listeners[event] = listener),
    fire: (event: string) => listeners[event]?.(),
  };
  return state satisfies FeedStream<object>;
};

/** A feed of numbers that grow by one with each poll. */
const playFeed = () => {
  const state = {
    polls: 0,
    forgotten: 0,
    fails: false,
    grows: true,
    told: 0,
    nowMs: 0,
    wait: Promise.resolve(),
  };
  const { logger, lines } = recordingLogger();
  const feed = createFeed<number, object>({
    name: 'numbers',
    everyMs: 1,
    logger,
    metrics: createMetrics({ service: 'test' }),
    now: () => state.nowMs,
    source: {
      poll: () => {
        state.polls += 1;
        if (state.fails) return Promise.reject(new Error('no database'));
        if (state.grows) state.told += 1;
        return state.wait;
      },
      forget: () => (state.forgotten += 1),
      next: (cursor = 0) =>
        cursor < state.told ? { message: { number: cursor + 1 }, cursor: cursor + 1 } : undefined,
    },
  });
  stoppers.push(feed.stop);
  return { feed, state, lines };
};

test('a feed is polled once for all readers, and not when the last has left', async () => {
  const { feed, state } = playFeed();
  const [one, two] = [playStream(), playStream()];
  feed.subscribe(one);
  feed.subscribe(two);
  await eventually(() => two.written.length > 10);

  expect(state.polls).toBeLessThan(two.written.length + 3);
  one.fire('cancelled');
  two.fire('cancelled');
  await eventually(() => state.forgotten === 1);

  const third = playStream();
  feed.subscribe(third);
  await eventually(() => third.written.length > 0);
});

test('it drops a reader that does not read, and goes on for the others', async () => {
  const { feed, state, lines } = playFeed();
  const [stuck, well] = [playStream(), playStream()];
  feed.subscribe(stuck);
  feed.subscribe(well);
  await eventually(() => stuck.written.length > 0);
  stuck.isStuck = true;
  const sent = stuck.written.length;
  await eventually(() => well.written.length > sent + 5);
  expect(stuck).toMatchObject({ hasEnded: false, written: { length: sent } });

  state.nowMs += 10_000;
  await eventually(() => stuck.hasEnded);

  const told = well.written.length;
  await eventually(() => well.written.length > told);
  expect(stuck.written).toHaveLength(sent);
  expect(lines).toMatchObject([{ msg: 'reader of a feed does not read' }]);
});

test('it goes on where a slow reader stopped, as soon as it reads again', async () => {
  const { feed, state } = playFeed();
  const slow = playStream();
  feed.subscribe(slow);
  await eventually(() => slow.written.length > 0);
  slow.isStuck = true;
  const polls = state.polls;
  await eventually(() => state.polls > polls + 5);
  state.grows = false;

  slow.isStuck = false;
  slow.fire('drain');

  await eventually(() => slow.written.length === state.told);
  expect(slow.written).toEqual(slow.written.map((_, index) => ({ number: index + 1 })));
});

test('it sends a heartbeat while the polls succeed, and is silent while they fail', async () => {
  const { feed, state, lines } = playFeed();
  const reader = playStream();
  feed.subscribe(reader);
  await eventually(() => reader.written.length > 0);
  state.grows = false;
  await eventually(() => reader.written.length === state.told);
  state.nowMs += 1_000;
  await eventually(() => reader.written.length === state.told + 1);
  expect(reader.written.at(-1)).toEqual({});

  state.fails = true;
  const failing = state.polls;
  await eventually(() => state.polls > failing + 1);
  const silent = reader.written.length;
  state.nowMs += 1_000;
  const polls = state.polls;
  await eventually(() => state.polls > polls + 5);

  expect(reader.written).toHaveLength(silent);
  state.fails = false;
  await eventually(() => reader.written.length === silent + 1);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'feed cannot be brought up to date',
    'feed is up to date again',
  ]);
});

test('it sends no more than a reader has room for', async () => {
  const { feed, state } = playFeed();
  state.told = 100;
  const small = playStream();
  small.room = 3;
  feed.subscribe(small);

  const polls = state.polls;
  await eventually(() => state.polls > polls + 3);

  expect(small.written).toHaveLength(3);
});

test('it tells a newcomer only what was read after it came', async () => {
  const { feed, state } = playFeed();
  const [early, late] = [playStream(), playStream()];
  const [gate, next] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  state.wait = gate.promise;
  feed.subscribe(early);
  await eventually(() => state.polls === 1);
  feed.subscribe(late);
  state.wait = next.promise;

  gate.resolve();

  await eventually(() => early.written.length > 0 && state.polls === 2);
  expect(late.written).toEqual([]);
  next.resolve();
  await eventually(() => late.written.length > 0);
});
