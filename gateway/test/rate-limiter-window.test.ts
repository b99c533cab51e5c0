import { setTimeout as wait } from 'node:timers/promises';
import { mergeLimits } from '../src/limits/limits';
import { atOnce, createWorld, drain, metric, type Gateway, type World } from './rate-limiter-fixture';

let world: World;
const perMinute = (quota: number) => ({ login: { address: { quota, window_seconds: 60 } } });
beforeEach(() => {
  world = createWorld('window', { ...perMinute(20), code: { user: { quota: 10, window_seconds: 1 } } });
});
afterEach(() => world.stop());

test('four gateways allow exactly the quota, also to requests at one moment', async () => {
  const gateways = await Promise.all([world.start(), world.start(), world.start(), world.start()]);

  const decisions = await atOnce(200, (index) =>
    (gateways[index % 4] as Gateway).limiter.takeForAddress('login', '1.2.3.4'),
  );

  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(20);
  expect(
    decisions
      .filter(({ allowed }) => allowed)
      .map(({ remaining }) => remaining)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 20 }, (_, left) => left));
});

test('no window of any position holds more than the quota, and each place is free again when its time is over', async () => {
  const gateways = await Promise.all([world.start(), world.start()]);
  const allowed: { from: number; to: number }[] = [];
  const began = performance.now();
  const ask = async (index: number) => {
    const from = performance.now();
    const decision = await gateways[index % 2]?.limiter.takeForCaller('code', { user: '1' });
    if (decision?.allowed) allowed.push({ from, to: performance.now() });
  };

  for (let index = 0; performance.now() - began < 3_500; index += 1) {
    await Promise.all([ask(index), ask(index + 1)]);
    await wait(1 + (index % 7));
  }

  const spans = allowed.slice(10).map(({ to }, index) => to - (allowed[index]?.from ?? 0));
  expect(Math.min(...spans)).toBeGreaterThanOrEqual(999);
  expect(allowed.length).toBeGreaterThanOrEqual(30);
});

test('a flood on a full window costs no round trip, and is counted', async () => {
  const gateway = await world.start();
  const take = () => gateway.limiter.takeForAddress('login', '1.2.3.4');
  expect(await drain(take)).toBe(20);
  const watch = await world.watch(gateway.redis);

  const decisions = Array.from({ length: 1_000 }, take);

  expect(decisions.every((decision) => !(decision instanceof Promise) && !decision.allowed)).toBe(true);
  expect(await watch.scriptsOn(':window:')).toBe(0);
  expect(await metric(gateway, 'gateway_rate_limited_total', 'class="login",scope="address"')).toBe(1_001);
});

test('a flood before the first answer makes no more round trips than the quota has places', async () => {
  const gateway = await world.start();
  const watch = await world.watch(gateway.redis);

  await atOnce(1_000, () => gateway.limiter.takeForAddress('login', '1.2.3.4'));

  expect(await watch.scriptsOn(':window:')).toBe(20);
});

test('a quota that changes holds at once: less for those who have used more, more for those who were refused', async () => {
  const { limiter } = await world.start();
  const take = () => limiter.takeForAddress('login', '1.2.3.4');
  const before = world.limits;
  expect(await drain(take, 5)).toBe(5);

  world.limits = mergeLimits(before, perMinute(3));
  expect(await take()).toMatchObject({ allowed: false, quota: 3 });

  world.limits = mergeLimits(before, perMinute(8));
  expect(await drain(take)).toBe(3);
});

test('where a quota was lowered, the wait is for as many places as are too many', async () => {
  world.limits = mergeLimits(world.limits, perMinute(1));
  const { limiter, redis } = await world.start();
  const [seconds = 0] = (await redis.time()).map(Number);
  const allowedAt = [50, 30, 10].map((ago) => (seconds - ago) * 1_000);
  await redis.rpush(world.keys('window', 'login', 'address', '1.2.3.4'), ...allowedAt);

  const { retryAfterSeconds } = await limiter.takeForAddress('login', '1.2.3.4');

  expect(retryAfterSeconds).toBeGreaterThanOrEqual(49);
  expect(retryAfterSeconds).toBeLessThanOrEqual(56);
});

test('another algorithm takes over where the limit has another shape', async () => {
  const { limiter } = await world.start();
  expect(await drain(() => limiter.takeForAddress('login', '1.2.3.4'))).toBe(20);

  world.limits = mergeLimits(world.limits, { login: { address: { rate: 0.01, burst: 7 } } });
  expect(await drain(() => limiter.takeForAddress('login', '1.2.3.4'))).toBe(7);

  world.limits = mergeLimits(world.limits, { login: { address: null } });
  expect(limiter.takeForAddress('login', '1.2.3.4')).toMatchObject({ allowed: true, policy: '' });
});

test('what one caller did is not what another did, nor his class another class', async () => {
  const { limiter } = await world.start();
  expect(await drain(() => limiter.takeForAddress('login', '1.2.3.4'))).toBe(20);

  expect((await limiter.takeForAddress('login', '1.2.3.5')).remaining).toBe(19);
  expect((await limiter.takeForCaller('code', { user: '1' })).remaining).toBe(9);
});
