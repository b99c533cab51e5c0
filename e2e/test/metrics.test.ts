import path from 'node:path';
import { createMetrics, type Metrics } from '@onrush/chassis/metrics';
import type { App, Runtime } from '@onrush/chassis/service';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { createWorkerPool } from '@onrush/chassis/worker-pool';
import type { z } from 'zod';
import { listedMetrics } from './metrics-page';
import { root } from './pages';

const names = ['user', 'auth', 'product', 'seckill', 'order', 'payment', 'notify'].map(
  (name) => `${name}-service`,
);
const tokens = createTestTokens();

/** What has no default. Nothing is connected to. */
const required = (service: string): Record<string, unknown> => ({
  ...tokens.files(service),
  mysqlUrl: 'mysql://nobody@127.0.0.1:1/nothing',
  redisUrl: 'redis://127.0.0.1:1',
  kafkaBrokers: ['127.0.0.1:1'],
  discovery: 'static',
  httpPort: 1,
  grpcPort: 1,
});
const secret = 'a secret that is long enough for anybody to take it';

async function configOf(service: string): Promise<unknown> {
  const { configShape } = (await import(path.join(root, service, 'src', 'config.ts'))) as {
    configShape: Record<string, z.ZodType>;
  };
  const given = required(service);
  return Object.fromEntries(
    Object.entries(configShape).map(([key, schema]) => {
      if (key in given) return [key, given[key]];
      const byDefault = schema.safeParse(undefined);
      return [key, byDefault.success ? byDefault.data : secret];
    }),
  );
}

/** The metrics of a service that is wired, and not started: whatever it will ever show is there. */
async function registeredBy(service: string): Promise<Metrics> {
  const metrics = createMetrics({ service, collectDefaults: true });
  const runtime: Runtime = { logger: silentLogger, metrics, isReady: () => false };
  const { createApp } = (await import(path.join(root, service, 'src', 'app.ts'))) as {
    createApp: (config: unknown, runtime: Runtime) => App;
  };
  createApp(await configOf(service), runtime);
  if (service === 'gateway') createWorkerPool({ count: 0, ...runtime, onHopeless: () => undefined });
  return metrics;
}

interface Registered {
  name: string;
  type: string;
  aggregator?: string;
  labelNames: string[];
}

test.each([...names, 'gateway'])('docs/metrics.md has every metric of %s, and no other', async (service) => {
  const { registry } = await registeredBy(service);

  const registered = (registry.getMetricsAsArray() as unknown as Registered[])
    .map(({ name, type, labelNames, aggregator = 'sum' }) => ({
      name,
      type,
      aggregator,
      labels: labelNames.toSorted(),
    }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));

  expect(registered).toEqual(
    listedMetrics(service).map(({ name, type, ofSeveral, labels }) => ({
      name,
      type,
      aggregator: ofSeveral,
      labels: [...labels.keys()].sort(),
    })),
  );
});
