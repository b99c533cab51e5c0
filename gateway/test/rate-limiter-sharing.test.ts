import path from 'node:path';
import { loadScript } from '@onrush/chassis/redis';
import { eventually } from '@onrush/chassis/testing/wait';
import { atOnce, createWorld, drain, flood, metric, type Gateway, type World } from './rate-limiter-fixture';

const fast = { rate: 2_000, burst: 1_000 };
const slow = { rate: 1 / 60, burst: 100 };

let world: World;
let gateways: Gateway[];
const startAll = async (count: number) => {
  gateways = await Promise.all(Array.from({ length: count }, () => world.start()));
  await world.settled(gateways);
};
/** Shares that begin are empty: waits until that of somebody new is full. */
const shareIsFull = (gateway: Gateway, remaining: number) =>
  eventually(() => {
    const taken = gateway.limiter.takeForCaller('buy', { user: `new ${Math.random()}` });
    return !(taken instanceof Promise) && taken.remaining === remaining;
  });
beforeEach(() => {
  world = createWorld('limits', {
    buy: { user: fast },
    write: { user: slow },
    read: { user: { rate: 10, burst: 300 } },
  });
});
afterEach(() => world.stop());

test('four gateways give what one limit allows, neither 1 % more nor much less, to one who asks far too often', async () => {
  await startAll(4);
  for (const gateway of gateways) await shareIsFull(gateway, 124);

  const takes = gateways.map(
    ({ limiter }) =>
      () =>
        limiter.takeForCaller('buy', { user: '1' }),
  );
  const { allowed, seconds } = await flood(
    () => takes,
    (elapsed) => elapsed > 1.5,
  );

  const quota = fast.burst + fast.rate * seconds;
  expect(allowed).toBeLessThanOrEqual(quota * 1.01);
  expect(allowed).toBeGreaterThanOrEqual(quota * 0.9);
});

test('gateways that come and go give no more either', async () => {
  await startAll(2);
  await shareIsFull(gateways[0] as Gateway, 249);
  const all = [...gateways];
  const changes = [
    async () => void all.push(await world.start()),
    async () => void all.push(await world.start()),
    async () => all.shift()?.stop(),
    async () => all.shift()?.stop(),
    async () => void all.push(await world.start()),
  ];
  const changing: Promise<unknown>[] = [];

  const { allowed, seconds } = await flood(
    () =>
      all.map(
        ({ limiter }) =>
          () =>
            limiter.takeForCaller('buy', { user: '1' }),
      ),
    (elapsed) => {
      if (elapsed > changing.length * 0.3) changing.push(changes[changing.length]?.() ?? Promise.resolve());
      return elapsed > 2;
    },
  );

  await Promise.all(changing);
  const quota = fast.burst + fast.rate * seconds;
  expect(allowed).toBeLessThanOrEqual(quota * 1.01);
  expect(allowed).toBeGreaterThanOrEqual(quota * 0.7);
});

test('1,000 at once take exactly what a bucket has, on one gateway', async () => {
  await startAll(1);
  const { limiter } = gateways[0] as Gateway;
  const began = performance.now();

  const slowOnes = await atOnce(1_000, () => limiter.takeForCaller('write', { user: '1' }));
  const quickOnes = await atOnce(1_000, () => limiter.takeForCaller('read', { user: '1' }));

  const seconds = (performance.now() - began) / 1_000;
  expect(slowOnes.filter(({ allowed }) => allowed)).toHaveLength(100);
  // The half that is this gateway's own may not have filled up since it began.
  const quick = quickOnes.filter(({ allowed }) => allowed).length;
  expect(quick).toBeGreaterThanOrEqual(150);
  expect(quick).toBeLessThanOrEqual(300 + Math.ceil(seconds * 10));
});

test('1,000 at once take exactly what a bucket has, over four gateways', async () => {
  await startAll(4);

  const decisions = await atOnce(1_000, (index) =>
    (gateways[index % 4] as Gateway).limiter.takeForCaller('write', { user: '1' }),
  );

  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(100);
});

test('a first gateway has the whole quota from its first request on', async () => {
  const { limiter } = await world.start({ beatMs: 60_000 });

  expect(await drain(() => limiter.takeForCaller('write', { user: '1' }))).toBe(100);
  expect(await drain(() => limiter.takeForCaller('read', { user: '1' }))).toBeGreaterThanOrEqual(300);
});

test('in the common case nobody waits for Redis, and it hears nothing', async () => {
  await startAll(1);
  const [gateway] = gateways as [Gateway];
  await shareIsFull(gateway, 499);
  const watch = await world.watch(gateway.redis);

  const taken = Array.from({ length: 2_000 }, (_, index) =>
    gateway.limiter.takeForCaller('buy', { user: `calm ${index % 20}` }),
  );

  expect(taken.every((decision) => !(decision instanceof Promise) && decision.allowed)).toBe(true);
  expect(await watch.scriptsOn(':bucket:')).toBe(0);
});

test('those who wait for the same bucket share one round trip, and those who come to an empty one make none', async () => {
  await startAll(1);
  const [gateway] = gateways as [Gateway];
  const take = () => gateway.limiter.takeForCaller('write', { user: '7' });
  await take();
  const watch = await world.watch(gateway.redis);

  await atOnce(500, take);
  const whileFull = await watch.scriptsOn(':bucket:');
  await atOnce(500, take);

  expect(whileFull).toBeLessThanOrEqual(2);
  expect(await watch.scriptsOn(':bucket:')).toBe(whileFull);
  expect(await metric(gateway, 'gateway_rate_limit_leases_total', 'result="partial"')).toBe(1);
});

test('a lease that is not used keeps the shared part from filling up behind it, until it ends', async () => {
  const { redis } = await world.start();
  const key = world.keys('bucket', 'leased');
  const script = loadScript<[number, number, number]>(
    path.join(__dirname, '..', 'src', 'limits'),
    'lease-tokens-1.lua',
  );
  const lease = (needed: number, spare: number, leaseMs: number) =>
    script.run(redis, [key], [10_000, 500, needed, spare, leaseMs, 100]);
  expect(await lease(1, 49, 60_000)).toEqual([50, 0, 450]);

  await eventually(async () => (await lease(0, 0, 0))[2] === 451);
  expect((await lease(1_000, 0, 0))[0]).toBe(451);

  await redis.hset(key, 'held_until', 0);
  await eventually(async () => (await lease(0, 0, 0))[2] === 500);
});

test('a bucket leaves Redis when it is full again', async () => {
  const { limiter, redis } = await world.start();
  await limiter.takeForCaller('buy', { user: 'gone' });
  const key = world.keys('bucket', 'buy', 'user', 'gone');

  expect(await redis.pttl(key)).toBeLessThanOrEqual(1_002);
  await eventually(async () => (await redis.exists(key)) === 0);
});

test('one address drains its own bucket, and neither the global one nor another address', async () => {
  world = createWorld('drain', {
    buy: { address: { rate: 1, burst: 20 }, global: { rate: 0.01, burst: 300 } },
  });
  const { limiter } = await world.start();
  const buy = async (address: string) => {
    const byAddress = await limiter.takeForAddress('buy', address);
    return byAddress.allowed ? limiter.takeForCaller('buy', { user: undefined }) : byAddress;
  };

  const decisions = await Promise.all(Array.from({ length: 1_000 }, () => buy('203.0.113.9')));
  const other = await buy('198.51.100.7');

  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(20);
  expect(decisions.find(({ allowed }) => !allowed)?.policy).toBe('buy-address');
  expect(other).toMatchObject({ allowed: true, policy: 'buy-global' });
  expect(await drain(() => limiter.takeForCaller('buy', {}))).toBe(279);
});

test('a user, then his API key, then all together: each is asked only if the one before allowed', async () => {
  world = createWorld('order', {
    read: {
      user: { rate: 0.01, burst: 3 },
      api_key: { rate: 0.01, burst: 5 },
      global: { rate: 0.01, burst: 7 },
    },
  });
  const gateway = await world.start();
  const read = (caller: { user?: string; apiKey?: string }) => gateway.limiter.takeForCaller('read', caller);

  expect(await drain(() => read({ user: '1', apiKey: 'k' }))).toBe(3);
  expect(await read({ user: '1', apiKey: 'k' })).toMatchObject({ allowed: false, policy: 'read' });
  expect(await drain(() => read({ user: '2', apiKey: 'k' }))).toBe(2);
  expect(await read({ user: '3', apiKey: 'k' })).toMatchObject({ allowed: false, policy: 'read-api-key' });
  expect(await drain(() => read({}))).toBe(2);
  expect(await read({ user: '4' })).toMatchObject({ allowed: false, policy: 'read-global' });
  expect(await metric(gateway, 'gateway_rate_limited_total', 'class="read",scope="global"')).toBe(2);
});
