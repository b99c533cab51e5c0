import { createMetrics } from '../src/metrics';
import { createStreamRelay, type StreamEntry, type StreamRelayOptions } from '../src/stream-relay';
import { testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { metricOf } from '../src/testing/metrics';
import { createTestRedis, type TestRedis } from '../src/testing/redis';
import { eventually } from '../src/testing/wait';

const metrics = createMetrics({ service: 'test' });
let redis: TestRedis;
beforeAll(async () => {
  redis = await createTestRedis(testNamespace('relay'));
});
afterAll(() => redis.cleanup());

const relayOf = (
  streams: string[],
  handle: (entries: StreamEntry[], stream: string) => Promise<void>,
  options: Partial<StreamRelayOptions> = {},
) =>
  createStreamRelay({
    redis: redis.redis,
    group: 'g',
    consumer: 'c1',
    streams: () => streams,
    handle: (stream, entries) => handle(entries, stream),
    claimIdleMs: 100,
    restMs: 1,
    logger: silentLogger,
    metrics,
    ...options,
  });
const add = (stream: string, n: number) => redis.redis.xadd(stream, '*', 'n', String(n));

test('entries of several streams are handled in order, and gone afterwards', async () => {
  const streams = [redis.keys('s1'), redis.keys('s2')];
  const seen: Record<string, string[]> = {};
  for (let n = 0; n < 50; n += 1) for (const stream of streams) await add(stream, n);
  const relay = relayOf(streams, (entries, stream) =>
    Promise.resolve(void (seen[stream] ??= []).push(...entries.map((entry) => entry.fields['n'] ?? ''))),
  );

  await relay.start();
  await eventually(
    async () => (await redis.redis.xlen(streams[0] ?? '')) + (await redis.redis.xlen(streams[1] ?? '')) === 0,
  );
  await relay.stop();

  for (const stream of streams) expect(seen[stream]).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
});

test('how long the oldest entry has waited is seen while its handler hangs, and 0 when nothing does', async () => {
  const stream = redis.keys('s00');
  const own = createMetrics({ service: 'test' });
  const lag = () => metricOf(own, 'stream_relay_lag_seconds');
  const hold = Promise.withResolvers<void>();
  await redis.redis.xadd(stream, `${Date.now() - 60_000}-1`, 'n', '1');
  const relay = relayOf([stream], () => hold.promise, { metrics: own });

  expect(await lag()).toBe(0);
  await relay.start();
  await eventually(async () => ((await lag()) ?? 0) >= 60);
  hold.resolve();
  await eventually(async () => (await lag()) === 0);
  await relay.stop();
});

test('a stream that cannot be read is behind for as long', async () => {
  const own = createMetrics({ service: 'test' });
  const stream = redis.keys('no-stream');
  await redis.redis.set(stream, 'something else');
  const relay = relayOf([stream], () => Promise.resolve(), { metrics: own });

  await relay.start();
  await eventually(async () => ((await metricOf(own, 'stream_relay_lag_seconds')) ?? 0) > 0.2);
  await redis.redis.del(stream);
  await eventually(async () => (await metricOf(own, 'stream_relay_lag_seconds')) === 0);
  await relay.stop();
});

test('entries leave their stream the way that they are told to, and are handled again where that fails', async () => {
  const stream = redis.keys('s0');
  const seen: string[] = [];
  let failures = 1;
  await add(stream, 1);
  const relay = relayOf(
    [stream],
    (entries) => Promise.resolve(void seen.push(...entries.map(({ fields }) => fields['n'] ?? ''))),
    {
      settle: async (of, entries) => {
        if (failures-- > 0) throw new Error('not yet');
        await redis.redis.xdel(of, ...entries.map(({ id }) => id));
      },
    },
  );

  await relay.start();
  await eventually(async () => (await redis.redis.xlen(stream)) === 0);
  await relay.stop();

  expect(seen).toEqual(['1', '1']);
  // Nobody else acknowledged it.
  expect((await redis.redis.xpending(stream, 'g'))[0]).toBe(1);
});

test('a batch that fails stays first in line until it is handled', async () => {
  const stream = redis.keys('s3');
  const seen: string[] = [];
  let failures = 3;
  const relay = relayOf([stream], async (entries) => {
    if (failures-- > 0) {
      if (failures === 2) await add(stream, 5);
      throw new Error('not yet');
    }
    seen.push(...entries.map((entry) => entry.fields['n'] ?? ''));
  });
  for (let n = 0; n < 5; n += 1) await add(stream, n);
  await relay.start();

  await eventually(() => seen.length === 6);

  await relay.stop();
  expect(seen).toEqual(['0', '1', '2', '3', '4', '5']);
});

test('what a dead instance had read is taken over; a group that Redis lost is made again', async () => {
  const stream = redis.keys('s4');
  await redis.redis.xgroup('CREATE', stream, 'g', '0', 'MKSTREAM');
  await add(stream, 1);
  await redis.redis.xreadgroup('GROUP', 'g', 'dead', 'COUNT', 10, 'STREAMS', stream, '>');
  const seen: string[] = [];
  const relay = relayOf(
    [stream],
    (entries) => Promise.resolve(void seen.push(...entries.map((entry) => entry.fields['n'] ?? ''))),
    { consumer: 'alive' },
  );
  await relay.start();

  await eventually(() => seen.length === 1);
  await redis.redis.del(stream);
  await add(stream, 2);
  relay.wake();
  await eventually(() => seen.length === 2);

  await relay.stop();
  expect(seen).toEqual(['1', '2']);
});

test('a turn takes as many entries as make a batch, and while more wait the relay does not rest', async () => {
  const stream = redis.keys('s5');
  const batches: number[][] = [];
  const handled = () => batches.flat().length;
  const sizes = [7, 1, 2, 3, 4, 5, 5, 10, 1, 1, ...Array.from({ length: 240 }, () => 5)];
  for (const size of sizes) await add(stream, size);
  const relay = relayOf(
    [stream],
    (entries) => Promise.resolve(void batches.push(entries.map(({ fields }) => Number(fields['n'])))),
    { batchSize: 10, sizeOf: ({ fields }) => Number(fields['n']), restMs: 1_000 },
  );

  await relay.start();
  // With a rest after each batch it would take more than two minutes.
  await eventually(() => handled() === sizes.length, { timeoutMs: 30_000 });
  await relay.stop();

  expect(batches.slice(0, 4)).toEqual([
    [7, 1, 2],
    [3, 4, 5],
    [5, 10],
    [1, 1, 5, 5],
  ]);
  expect(batches.flat()).toEqual(sizes);
});
