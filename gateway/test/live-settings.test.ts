import Consul from 'consul';
import { z } from 'zod';
import { createMetrics } from '@onrush/chassis/metrics';
import { createKeys } from '@onrush/chassis/redis';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis } from '@onrush/chassis/testing/redis';
import { eventually } from '@onrush/chassis/testing/wait';
import { configShape } from '../src/config';
import { createLiveSettings } from '../src/live-settings';
import { createRateLimiter } from '../src/limits/rate-limiter';

const namespace = testNamespace('live');
const { consulAddress, redisUrl } = infrastructure();
const [host = '', port = ''] = consulAddress.split(':');

test('limits, routes and canaries change while the gateway runs; a bad document changes nothing', async () => {
  const consul = new Consul({ host, port: Number(port) });
  const { redis, cleanup } = await createTestRedis(namespace);
  const runtime = { logger: silentLogger, metrics: createMetrics({ service: 'test' }) };
  const files = { internalJwks: 'a', internalPrivateKey: 'b' };
  const config = z.object(configShape).parse({
    ...files,
    namespace,
    redisUrl,
    consulHttpAddr: consulAddress,
    rateLimits: { write: { user: { rate: 7, burst: 9 } } },
  });
  const live = createLiveSettings(config, runtime);
  await live.start();
  const limiter = createRateLimiter({
    redis,
    keys: createKeys(namespace, 'gateway'),
    limits: live.rateLimits,
    ...runtime,
  });
  const allowed = async (address: string) => {
    let count = 0;
    while (count < 60 && (await limiter.takeForAddress('login', address)).allowed) count += 1;
    return count;
  };
  const timeout = () => {
    const found = live.router().match('GET', '/api/v1/products');
    return found && 'route' in found ? found.route.timeoutMs : undefined;
  };
  const set = (document: object) =>
    consul.kv.set(`onrush/config/${namespace}-gateway`, JSON.stringify(document));
  expect(await allowed('192.0.2.1')).toBe(20);
  expect(timeout()).toBe(3_000);

  await set({
    rate_limits: { login: { address: { quota: 4, window_seconds: 60 } } },
    routes: { 'GET /api/v1/products': { timeout_ms: 900 } },
    canaries: { 'order-service': { percent: 5 } },
  });
  await eventually(() => timeout() === 900);
  expect(live.canaries().of('order-service').userSlots).toBe(500);
  expect(await allowed('192.0.2.2')).toBe(4);
  expect(live.rateLimits().login).toEqual({
    address: { quota: 4, window_seconds: 60 },
    global: { rate: 100, burst: 400 },
    without_redis: 'closed',
  });
  expect(live.rateLimits().write).toMatchObject({
    user: { rate: 7, burst: 9 },
    address: { rate: 500, burst: 1_000 },
  });

  const before = live.router();
  await set({
    rate_limits: { login: { address: { quota: 1, window_seconds: 1 } } },
    routes: { 'GET /x': {} },
  });
  await eventually(async () => /config_refused_total{.*} 1/.test(await runtime.metrics.registry.metrics()));
  expect(live.rateLimits().login.address).toEqual({ quota: 4, window_seconds: 60 });
  expect(live.router()).toBe(before);

  await consul.kv.del(`onrush/config/${namespace}-gateway`);
  await eventually(() => timeout() === 3_000);
  expect(live.rateLimits().login.address).toEqual({ quota: 20, window_seconds: 120 });

  await live.stop();
  await consul.kv.del(`onrush/config/${namespace}-gateway`);
  consul.destroy();
  await cleanup();
});
