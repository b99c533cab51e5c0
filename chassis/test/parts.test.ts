import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { createStaticDiscovery } from '../src/discovery';
import { AppError } from '../src/errors';
import { createMetrics } from '../src/metrics';
import { newEvent } from '../src/message-broker';
import { createKeys, loadScript } from '../src/redis';
import { createSnowflake, snowflakeTime } from '../src/snowflake';
import { metricOf } from '../src/testing/metrics';
import { createTestTokens } from '../src/testing/tokens';
import { eventually } from '../src/testing/wait';

describe('internal tokens', () => {
  const tokens = createTestTokens();
  const user = { id: '1', username: 'mei', roles: ['user'], permissions: [] };

  test('the callee learns who calls, and for whom', async () => {
    const token = await tokens.of('gateway').issue('order-service', user);

    expect(await tokens.of('order-service').verify(token)).toEqual({ service: 'gateway', user });
  });

  test('a token for another callee, of another fleet, or garbage is refused', async () => {
    const token = await tokens.of('gateway').issue('order-service');

    await expect(tokens.of('payment-service').verify(token)).rejects.toThrow();
    await expect(createTestTokens().of('order-service').verify(token)).rejects.toThrow();
    await expect(tokens.of('order-service').verify('a.b.c')).rejects.toThrow();
    await expect(tokens.of('order-service').verify(`${token.slice(0, -4)}AAAA`)).rejects.toThrow();
  });

  test('the same caller, callee and user share a token, another user does not', async () => {
    const gateway = tokens.of('gateway');

    expect(await gateway.issue('order-service', user)).toBe(await gateway.issue('order-service', user));
    expect(await gateway.issue('order-service', { ...user, id: '2' })).not.toBe(
      await gateway.issue('order-service', user),
    );
  });
});

describe('snowflake ids', () => {
  test('200,000 are unique and grow', () => {
    const ids = createSnowflake({ workerId: 1023 });
    let last = 0n;

    for (let index = 0; index < 200_000; index += 1) {
      const id = BigInt(ids.nextId());
      if (id <= last) throw new Error(`${id} after ${last}`);
      last = id;
    }
  });

  test('a clock that goes back a little keeps counting, one that goes back far throws', () => {
    let now = Date.UTC(2027, 0, 1);
    const ids = createSnowflake({ workerId: 1, now: () => now });
    const first = BigInt(ids.nextId());

    now -= 1_500;
    expect(BigInt(ids.nextId())).toBeGreaterThan(first);
    now -= 1_000;
    expect(() => ids.nextId()).toThrow('went back');
    expect(snowflakeTime(first.toString())).toEqual(new Date(Date.UTC(2027, 0, 1)));
  });

  test('a worker number out of range is refused', () => {
    expect(() => createSnowflake({ workerId: 1024 })).toThrow('1024');
  });
});

test('static discovery knows its list, and says what it does not know', async () => {
  const discovery = createStaticDiscovery({ a: [{ address: '127.0.0.1', http_port: 1, grpc_port: 2 }] });

  expect(discovery.instances('a')).toMatchObject([{ service: 'a', httpPort: 1, version: '0.1.0' }]);
  await expect(discovery.waitFor('b')).rejects.toThrow('no instance of b');
});

test('the same metric is made once', () => {
  const metrics = createMetrics({ service: 's' });

  expect(metrics.counter('a_total', 'a')).toBe(metrics.counter('a_total', 'a'));
});

test('a gauge that is looked up is looked up at each scrape', async () => {
  const metrics = createMetrics({ service: 's' });
  let depth = 1;
  metrics.gauge('depth', 'd', [], { collect: (gauge) => gauge.set(depth) });

  expect(await metrics.registry.metrics()).toContain('depth{service="s"} 1');
  depth = 2;
  expect(await metrics.registry.metrics()).toContain('depth{service="s"} 2');
});

test('a counter that is counted apart takes what came since, at each scrape', async () => {
  const metrics = createMetrics({ service: 's' });
  let since = 3;
  metrics.counter('seen_total', 's', ['of'], (counter) => counter.inc({ of: 'all' }, since));

  expect(await metrics.registry.metrics()).toContain('seen_total{of="all",service="s"} 3');
  since = 2;
  expect(await metrics.registry.metrics()).toContain('seen_total{of="all",service="s"} 5');
});

test('of a process its event loop is not averaged, and its limits are not added up', () => {
  const { registry } = createMetrics({ service: 's', collectDefaults: true });
  const aggregatorOf = (name: string) =>
    (registry.getSingleMetric(name) as unknown as { aggregator: string }).aggregator;

  expect(aggregatorOf('nodejs_eventloop_lag_p99_seconds')).toBe('max');
  expect(aggregatorOf('nodejs_eventloop_lag_min_seconds')).toBe('min');
  expect(aggregatorOf('process_max_fds')).toBe('min');
  expect(aggregatorOf('process_start_time_seconds')).toBe('min');
});

test('every garbage collection is counted, also those that Node tells of together', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const metrics = createMetrics({ service: 's', collectDefaults: true });
  const collections = () => metricOf(metrics, 'nodejs_gc_duration_seconds', { kind: 'major', le: '+Inf' });

  for (let times = 0; times < 5; times += 1) collect();

  await eventually(async () => ((await collections()) ?? 0) >= 5);
});

test('keys carry namespace and service, and a tag where asked', () => {
  const keys = createKeys('t1', 'seckill');

  expect(keys('worker', '7')).toBe('t1:seckill:worker:7');
  expect(keys.tagged('a:12')('state')).toBe('t1:seckill:{a:12}:state');
  expect(createKeys('', 'x')('y')).toBe('x:y');
});

test('a script tells by its name how many keys it takes', () => {
  expect(() => loadScript(__dirname, 'buy.lua')).toThrow('number of keys');
});

test('event ids are UUIDs of version 7, and of this moment', () => {
  const event = newEvent({ type: 'a.b', version: 1, schema: z.object({}) }, 'k', {});

  expect(event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Math.abs(Number.parseInt(event.id.replace('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(
    5_000,
  );
});

test('an AppError knows its HTTP status', () => {
  expect(
    new AppError({ code: 429400, reason: 'R', message: 'm', status: 'RESOURCE_EXHAUSTED' }).httpStatus,
  ).toBe(429);
});
