import { eventually } from '@onrush/chassis/testing/wait';
import {
  atOnce,
  createWorld,
  drain,
  metric,
  startProxy,
  type Gateway,
  type Proxy,
  type World,
} from './rate-limiter-fixture';

let world: World;
let proxy: Proxy;
beforeEach(async () => {
  world = createWorld('gone', {
    login: {
      address: { quota: 20, window_seconds: 120 },
      global: { rate: 100, burst: 100 },
      without_redis: 'closed',
    },
    code: { address: { quota: 20, window_seconds: 120 }, without_redis: 'local' },
    write: { user: { rate: 0.01, burst: 40 } },
    buy: { user: { rate: 1_000, burst: 4_000 } },
  });
  proxy = await startProxy();
});
afterEach(async () => {
  proxy.resume();
  await world.stop();
  await proxy.stop();
});

const isUp = async (gateway: Gateway) => (await metric(gateway, 'gateway_rate_limit_redis_up')) === 1;
const said = ({ lines }: Gateway, message: string) => lines.filter(({ msg }) => msg === message).length;
const startTwo = async () => {
  const gateways = [await world.start({ url: proxy.url }), await world.start({ url: proxy.url })] as const;
  await world.settled([...gateways]);
  return gateways;
};

test('without Redis every gateway gives its part of the quota, at once, and closed classes give nothing', async () => {
  const gateways = await startTwo();

  await proxy.cut();
  for (const gateway of gateways) await eventually(async () => !(await isUp(gateway)));

  for (const { limiter } of gateways) {
    expect(limiter.takeForCaller('write', { user: '1' })).toMatchObject({ allowed: true, remaining: 19 });
    expect(await drain(() => limiter.takeForCaller('write', { user: '1' }))).toBe(19);
    expect(await drain(() => limiter.takeForAddress('code', '1.2.3.4'))).toBe(10);
    expect(limiter.takeForAddress('login', '1.2.3.4')).toMatchObject({
      allowed: false,
      reason: 'unavailable',
      retryAfterSeconds: 1,
    });
    expect(limiter.takeForCaller('login', {})).toMatchObject({ allowed: false, reason: 'unavailable' });
  }
});

test('a request that meets the end of Redis is answered by the part that is left', async () => {
  const gateway = await world.start({ url: proxy.url });
  await world.settled([gateway]);
  const { limiter, redis } = gateway;

  redis.disconnect();
  const local = await limiter.takeForCaller('write', { user: '1' });
  const closed = await limiter.takeForAddress('login', '1.2.3.4');

  expect(local.allowed).toBe(true);
  expect(closed.reason).toBe('unavailable');
});

test('a Redis that hangs is gone as well: nobody waits for it to answer', async () => {
  const [first, second] = await startTwo();
  expect(await drain(() => first.limiter.takeForCaller('write', { user: '1' }), 30)).toBe(30);

  proxy.hang();
  const [local, closed] = await atOnce(2, (index) =>
    index === 0
      ? first.limiter.takeForCaller('write', { user: '1' })
      : first.limiter.takeForAddress('login', '1.2.3.4'),
  );

  // Redis has not answered until here.
  expect(local?.allowed).toBe(true);
  expect(closed).toMatchObject({ allowed: false, reason: 'unavailable' });
  await eventually(async () => !(await isUp(second)));
});

test('all that wait together are answered where Redis goes meanwhile, within their part', async () => {
  const [{ limiter }] = await startTwo();

  proxy.hang();
  const decisions = await atOnce(200, () => limiter.takeForCaller('write', { user: '1' }));

  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(20);
});

test('when Redis is back limits are shared again; both are told once', async () => {
  const [first, second] = await startTwo();
  await proxy.cut();
  for (const gateway of [first, second]) await eventually(async () => !(await isUp(gateway)));
  for (let request = 0; request < 100; request += 1) await first.limiter.takeForAddress('login', '1.2.3.4');

  await proxy.mend();
  for (const gateway of [first, second]) await eventually(() => isUp(gateway), { timeoutMs: 20_000 });
  await world.settled([first, second]);

  for (const gateway of [first, second]) {
    expect(said(gateway, 'rate limits are local only, Redis is gone')).toBe(1);
    expect(said(gateway, 'rate limits are shared again, Redis is back')).toBe(1);
  }
  const logins = await Promise.all(
    [first, second].map(({ limiter }) => drain(() => limiter.takeForAddress('login', '1.2.3.4'))),
  );
  expect((logins[0] ?? 0) + (logins[1] ?? 0)).toBe(20);
  expect((await first.limiter.takeForCaller('write', { user: '2' })).remaining).toBeGreaterThanOrEqual(36);
});

test('a gateway that has never counted the others gives nothing alone', async () => {
  const { limiter, redis } = await world.start({ url: proxy.url, beatMs: 3_600_000 });
  redis.disconnect();

  expect(await limiter.takeForCaller('buy', { user: '1' })).toMatchObject({
    allowed: false,
    reason: 'unavailable',
  });
});
