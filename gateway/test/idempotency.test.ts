import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createMetrics } from '@onrush/chassis/metrics';
import { createRedis } from '@onrush/chassis/redis';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { recordingLogger, silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import { eventually } from '@onrush/chassis/testing/wait';
import {
  createIdempotency,
  largestBodyBytes,
  type Begun,
  type Idempotency,
} from '../src/idempotency/idempotency';

const hour = 3_600_000;
const options = { inFlightMs: 30_000, keepMs: 24 * hour };
const scope = { principal: 'user:1', route: 'POST /api/v1/orders', key: 'k' };
const answer = {
  status: 201,
  headers: ['Content-Type', 'application/json', 'Location', '/orders/7'],
  body: Buffer.from('{"code":0}'),
};

let store: TestRedis;
let metrics: ReturnType<typeof createMetrics>;
let idempotency: Idempotency;
beforeAll(async () => {
  store = await createTestRedis(testNamespace('idempotency'));
});
beforeEach(async () => {
  const all = await store.redis.keys(store.keys('*'));
  if (all.length > 0) await store.redis.del(all);
  metrics = createMetrics({ service: 'test' });
  idempotency = createIdempotency({ ...store, logger: silentLogger, metrics });
});
afterAll(() => store.cleanup());

const begin = (changes: Partial<typeof scope> = {}, fingerprint = 'f', of = options) =>
  idempotency.begin({ ...scope, ...changes }, fingerprint, of);

/** What a first request gets; anything else fails the test. */
async function started(...args: Parameters<typeof begin>): Promise<Extract<Begun, { state: 'started' }>> {
  const begun = await begin(...args);
  if (begun.state !== 'started') throw new Error(`not started: ${begun.state}`);
  return begun;
}

const lifeOfTheOnlyKey = async () => {
  const [only = '', ...others] = await store.redis.keys(store.keys('*'));
  expect(others).toEqual([]);
  return store.redis.pttl(only);
};

describe('a key', () => {
  test('of a thousand requests at once, one is carried out and the others come back later', async () => {
    const all = await releaseTogether(1_000, () => begin());

    const begun = all.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
    expect(begun.filter((one) => one?.state === 'started')).toHaveLength(1);
    expect(begun.filter((one) => one?.state === 'in-flight')).toHaveLength(999);
  });

  test('belongs to one principal and one route', async () => {
    await started();

    const others = await Promise.all([
      begin({ principal: 'user:2' }),
      begin({ route: 'POST /api/v1/payment/create' }),
      begin({ key: 'other' }),
      // The parts are not just put together.
      begin({ principal: 'user:1P', route: 'OST /api/v1/orders' }),
    ]);

    expect(others.map(({ state }) => state)).toEqual(['started', 'started', 'started', 'started']);
    expect((await begin()).state).toBe('in-flight');
  });

  test('gives the same answer again, byte by byte', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await (await started()).complete({ ...answer, body });

    const again = await begin();

    expect(again).toEqual({ state: 'replay', answer: { ...answer, body } });
    expect(await begin()).toEqual(again);
    expect(await metrics.registry.metrics()).toContain('outcome="replay",service="test"} 2');
  });

  test('keeps no header of the one request: no cookie, date or id', async () => {
    const own = ['Set-Cookie', 'Location', 'Date', 'now', 'X-Request-Id', 'r', 'X-Served-Version', '2'];
    await (await started()).complete({ ...answer, headers: [...answer.headers, ...own] });

    const again = await begin();

    expect(again).toEqual({
      state: 'replay',
      answer: { ...answer, headers: [...answer.headers, 'X-Served-Version', '2'] },
    });
  });

  test('is refused for another request, while in flight and afterwards', async () => {
    const first = await started();

    const before = await begin({}, 'another');
    await first.complete(answer);
    const after = await begin({}, 'another');

    expect([before, after]).toEqual([{ state: 'mismatch' }, { state: 'mismatch' }]);
    expect((await begin()).state).toBe('replay');
  });

  test('is free again when nothing was carried out', async () => {
    const first = await started();

    await first.abandon();

    expect((await begin({}, 'another')).state).toBe('started');
  });

  test('of a gateway that died is free after a while, and what that one says then changes nothing', async () => {
    const brief = { ...options, inFlightMs: 30 };
    const dead = await started({}, 'f', brief);
    const next = await eventually(async () => {
      const begun = await begin();
      return begun.state === 'started' && begun;
    });

    await dead.complete({ ...answer, status: 500 });
    await dead.abandon();

    expect((await begin()).state).toBe('in-flight');
    await next.complete(answer);
    await dead.complete({ ...answer, status: 500 });
    await dead.abandon();
    await next.abandon();
    expect(await begin()).toMatchObject({ state: 'replay', answer: { status: 201 } });
    expect(await metrics.registry.metrics()).toContain('outcome="lapsed",service="test"} 5');
  });

  test('is kept as long as the route says: 24 hours, or 7 days for money', async () => {
    const first = await started();
    const inFlight = await lifeOfTheOnlyKey();
    await first.complete(answer);
    const day = await lifeOfTheOnlyKey();
    const [only = ''] = await store.redis.keys(store.keys('*'));
    await store.redis.del(only);
    await (await started({}, 'f', { ...options, keepMs: 7 * 24 * hour })).complete(answer);
    const week = await lifeOfTheOnlyKey();

    expect(inFlight).toBeLessThanOrEqual(options.inFlightMs);
    expect(inFlight).toBeGreaterThan(0);
    expect(day).toBeGreaterThan(24 * hour - 30_000);
    expect(week).toBeGreaterThan(7 * 24 * hour - 30_000);
  });

  test('whose answer is too large is remembered without it', async () => {
    await (await started()).complete({ ...answer, body: Buffer.alloc(largestBodyBytes) });
    const largest = await begin();
    await (await started({ key: 'l' })).complete({ ...answer, body: Buffer.alloc(largestBodyBytes + 1) });

    const tooLarge = await begin({ key: 'l' });

    expect(largest.state).toBe('replay');
    expect(tooLarge).toEqual({ state: 'not-replayable', status: 201 });
  });

  test('that takes long is asked for less often, up to when it is free', async () => {
    await started({}, 'f', { ...options, inFlightMs: 20_000 });

    const soon = await begin({}, 'f', { ...options, inFlightMs: 24_500 });
    const late = await begin({}, 'f', { ...options, inFlightMs: 60_000 });

    expect(soon).toEqual({ state: 'in-flight', retryAfterSeconds: 5 });
    expect(late).toEqual({ state: 'in-flight', retryAfterSeconds: 20 });
  });
});

describe('without Redis', () => {
  let held: Awaited<ReturnType<typeof holdable>>;
  beforeEach(async () => {
    held = await holdable();
  });
  afterEach(() => held.end());

  /** Redis behind a connection that can be held. */
  async function holdable() {
    const { port, hostname } = new URL(infrastructure().redisUrl);
    const sockets: Socket[] = [];
    const server = createServer((client) => {
      const redis = connect(Number(port), hostname);
      client.pipe(redis).pipe(client);
      for (const socket of [client, redis]) sockets.push(socket.on('error', () => socket.destroy()));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const redis = createRedis({ url, name: 'held', logger: silentLogger, commandTimeoutMs: 60_000 });
    await redis.connect();
    return {
      redis,
      hold: () => sockets[0]?.unpipe(),
      letGo: () => sockets[1] && sockets[0]?.pipe(sockets[1]),
      end() {
        redis.disconnect();
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    };
  }

  test('a request does not begin, and its key is free when Redis is back', async () => {
    const { logger, lines } = recordingLogger();
    const theirs = createIdempotency({ ...held, keys: store.keys, logger, metrics });
    held.hold();

    const all = await Promise.allSettled([1, 2].map(() => theirs.begin(scope, 'f', options)));

    expect(all).toMatchObject([
      { reason: new Error('Redis has not answered for 200 ms') },
      { reason: new Error('Redis has not answered for 200 ms') },
    ]);
    held.letGo();
    await eventually(async () => (await begin()).state === 'started');
    await eventually(() => lines.length === 2);
    expect(lines).toMatchObject([
      { level: 'error', msg: 'Idempotency-Keys cannot be looked up or kept, Redis is away' },
      { msg: 'Idempotency-Keys are looked up and kept again' },
    ]);
  });

  test('an answer is not held up, and is kept when Redis is back', async () => {
    const theirs = createIdempotency({ ...held, keys: store.keys, logger: silentLogger, metrics });
    const first = await theirs.begin(scope, 'f', options);
    if (first.state !== 'started') throw new Error(first.state);
    held.hold();

    await first.complete(answer);

    expect((await begin()).state).toBe('in-flight');
    held.letGo();
    await eventually(async () => (await begin()).state === 'replay');
  });
});

test('an answer that was not kept at once is kept at a further try', async () => {
  const first = await started();
  const refuse = () => Promise.reject(new Error('LOADING'));
  jest.spyOn(store.redis, 'evalsha').mockImplementationOnce(refuse).mockImplementationOnce(refuse);

  await first.complete(answer);

  await eventually(async () => (await begin()).state === 'replay');
});

test('an answer that cannot be kept is told of once, and counted', async () => {
  const { logger, lines } = recordingLogger();
  const theirs = createIdempotency({ ...store, logger, metrics });
  const begun = await Promise.all(['a', 'b'].map((key) => theirs.begin({ ...scope, key }, 'f', options)));
  const spy = jest.spyOn(store.redis, 'evalsha').mockRejectedValue(new Error('LOADING'));

  for (const one of begun) if (one.state === 'started') void one.complete(answer);

  await eventually(async () => /"unsaved",service="test"} 2/.test(await metrics.registry.metrics()));
  spy.mockRestore();
  expect(lines).toHaveLength(1);
});
