import { addressKey } from '../src/limits/address-key';
import { rateLimitHeaders, unlimited, type Decision } from '../src/limits/decision';
import { createWorld, drain, type World } from './rate-limiter-fixture';

let world: World;
let now = 0;
const clock = () => now;
const bucket = { rate: 10, burst: 100 };
beforeEach(() => {
  now = 0;
  world = createWorld('headers', {
    buy: { user: bucket, address: { rate: 0.5, burst: 3 } },
    login: { address: { quota: 2, window_seconds: 30 } },
  });
});
afterEach(() => world.stop());

const headersOf = (decision: Decision) => {
  const flat = rateLimitHeaders(decision);
  return Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2], flat[at * 2 + 1]]),
  );
};

test('an allowed request hears the policy and what is surely left: that many more are allowed at once', async () => {
  const gateway = await world.start({ now: clock });
  await world.settled([gateway]);
  now += 20_000;
  const buy = () => gateway.limiter.takeForCaller('buy', { user: '1' });

  const decision = await buy();

  expect(headersOf(decision)).toEqual({
    'RateLimit-Policy': '"buy";q=100;w=10',
    RateLimit: '"buy";r=49;t=6',
  });
  for (let left = decision.remaining; left > 0; left -= 1)
    expect(buy()).toMatchObject({ allowed: true, remaining: left - 1 });
});

test('r is never more than what is left, from the first request to the last', async () => {
  const gateway = await world.start({ now: clock });
  await world.settled([gateway]);
  now += 20_000;
  const decisions: Decision[] = [];
  for (;;) {
    const decision = await gateway.limiter.takeForCaller('buy', { user: '1' });
    if (!decision.allowed) break;
    decisions.push(decision);
  }

  decisions.forEach(({ remaining }, index) =>
    expect(remaining).toBeLessThanOrEqual(decisions.length - 1 - index),
  );
});

test('a refused request hears when to come back, three times the same, and is then allowed', async () => {
  const gateway = await world.start({ now: clock });
  await world.settled([gateway]);
  now += 20_000;
  const buy = () => gateway.limiter.takeForCaller('buy', { user: '1' });
  await drain(buy);

  const decision = await buy();

  const seconds = decision.retryAfterSeconds;
  expect(decision).toMatchObject({ allowed: false, reason: 'limited', remaining: 0, resetSeconds: seconds });
  expect(headersOf(decision)).toEqual({
    'RateLimit-Policy': '"buy";q=100;w=10',
    RateLimit: `"buy";r=0;t=${seconds}`,
    'Retry-After': String(seconds),
  });
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(2);
  now += seconds * 1_000;
  expect((await buy()).allowed).toBe(true);
});

test('a full window says when its oldest place is free, and not always the same', async () => {
  const gateway = await world.start({ now: clock });
  const logIn = () => gateway.limiter.takeForAddress('login', '1.2.3.4');
  expect(headersOf(await logIn())).toEqual({
    'RateLimit-Policy': '"login-address";q=2;w=30',
    RateLimit: '"login-address";r=1;t=30',
  });
  await drain(logIn);

  const waits = new Set<number>();
  for (let request = 0; request < 100; request += 1) waits.add((await logIn()).retryAfterSeconds);

  expect(Math.min(...waits)).toBeGreaterThanOrEqual(29);
  expect(Math.max(...waits)).toBeLessThanOrEqual(33);
  expect(waits.size).toBeGreaterThan(1);
});

test('what is not limited has no headers', async () => {
  const { limiter } = await world.start();

  expect(limiter.takeForCaller('read', { user: '1' })).toBe(unlimited);
  expect(limiter.takeForAddress('read', '1.2.3.4')).toBe(unlimited);
  expect(rateLimitHeaders(unlimited)).toEqual([]);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
  ['unknown', 'unknown'],
  ['a:b} evil', 'unknown'],
  ['x'.repeat(100), 'unknown'],
])('the address %s is limited as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});

test('one IPv6 customer is one address', async () => {
  const { limiter } = await world.start();

  const allowed = await drain(() => {
    now += 1;
    return limiter.takeForAddress('buy', `2001:db8:1:2::${now.toString(16)}`);
  });

  expect(allowed).toBe(3);
  expect((await limiter.takeForAddress('buy', '2001:db8:1:3::1')).allowed).toBe(true);
});
