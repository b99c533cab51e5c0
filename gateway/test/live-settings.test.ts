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
import { createRateLimiter } from '../src/rate-limiter';

const namespace = testNamespace('live');
const { consulAddress, redisUrl } = infrastructure();
const [host = '', port = ''] = consulAddress.split(':');

test('limits and the canary header change while the gateway runs; a bad document changes nothing', async () => {
  const consul = new Consul({ host, port: Number(port) });
  const { redis, cleanup } = await createTestRedis(namespace);
  const runtime = { logger: silentLogger, metrics: createMetrics({ service: 'test' }) };
  const files = { internalJwks: 'a', internalPrivateKey: 'b' };
  const config = z.object(configShape).parse({
    ...files,
    namespace,
    redisUrl,
    consulHttpAddr: consulAddress,
    rateLimits: { write: { rate: 7, burst: 9 } },
  });
  const live = createLiveSettings(config, runtime);
  await live.start();
  const limiter = createRateLimiter({
    redis,
    keys: createKeys(namespace, 'gateway'),
    limits: live.rateLimits,
    ...runtime,
  });
  const allowed = async (key: string) => {
    let count = 0;
    while (count < 30 && (await limiter.take('login', key)).allowed) count += 1;
    return count;
  };
  const set = (document: object) =>
    consul.kv.set(`onrush/config/${namespace}-gateway`, JSON.stringify(document));
  expect(await allowed('before')).toBe(20);
  expect(live.canaryHeaderEnabled()).toBe(true);

  await set({ rate_limits: { login: { rate: 0.001, burst: 4 } }, canary_header_enabled: false });
  await eventually(() => !live.canaryHeaderEnabled());
  expect(await allowed('after')).toBe(4);
  expect(limiter.limitOf('buy')).toEqual({ rate: 20, burst: 40 });
  expect(limiter.limitOf('write')).toEqual({ rate: 7, burst: 9 });

  await set({ rate_limits: { login: { rate: -1, burst: 4 } } });
  await eventually(async () => /config_refused_total{.*} 1/.test(await runtime.metrics.registry.metrics()));
  expect(limiter.limitOf('login')).toEqual({ rate: 0.001, burst: 4 });

  await consul.kv.del(`onrush/config/${namespace}-gateway`);
  await eventually(() => live.canaryHeaderEnabled());
  expect(limiter.limitOf('login')).toEqual({ rate: 10 / 60, burst: 20 });

  await live.stop();
  await consul.kv.del(`onrush/config/${namespace}-gateway`);
  consul.destroy();
  await cleanup();
});
