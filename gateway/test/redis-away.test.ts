import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { metric, startProxy, type Proxy } from './rate-limiter-fixture';

let proxy: Proxy;
let fixture: Fixture;
let token: string;
beforeAll(async () => {
  proxy = await startProxy();
  fixture = await startFixture('redisaway', { redisUrl: proxy.url });
  token = await fixture.accessToken();
  // Before it has counted the gateways, none of the limits is its own.
  await eventually(async () => (await metric(fixture, 'gateway_rate_limit_gateways')) === 1);
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  await proxy.stop();
});

const logIn = () => fixture.call('POST /api/v1/login', { body: {} });
const place = (key: string) =>
  fixture.call('POST /api/v1/orders', { token, body: {}, headers: { 'idempotency-key': key } });
const isRedisUp = async () => (await metric(fixture, 'gateway_rate_limit_redis_up')) === 1;

test('while Redis is away, what needs it is 503 and says when to come again; the rest is served; then all is', async () => {
  await proxy.cut();
  await eventually(async () => !(await isRedisUp()));
  fixture.upstream.seen.length = 0;

  const refused = [await logIn(), await place('away')];
  const served = [
    await fixture.call('GET /api/v1/products/1/stock'),
    await fixture.call('GET /api/v1/orders', { token }),
    await fixture.call('POST /api/v1/notifications/1/read', { token, body: {} }),
    await fixture.call('POST /api/v1/seckill/activities/77/buy', { token, body: {} }),
  ];

  expect(refused.map(({ body }) => body.code)).toEqual([503000, 503000]);
  for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(served.map(({ status }) => status)).toEqual([200, 200, 200, 202]);
  expect(fixture.upstream.seen.map(({ url }) => url)).toEqual([
    '/api/v1/products/1/stock',
    '/api/v1/orders',
    '/api/v1/notifications/1/read',
  ]);

  await proxy.mend();
  await eventually(isRedisUp, { timeoutMs: 20_000 });
  expect((await logIn()).status).toBe(200);
  // The key of a request that was refused is as good as new.
  expect((await place('away')).status).toBe(200);
  expect((await place('away')).headers.get('idempotent-replayed')).toBe('true');
}, 60_000);
