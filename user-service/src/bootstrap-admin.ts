import { createLifecycle } from '@onrush/chassis/lifecycle';
import { createLogger } from '@onrush/chassis/logger';
import { createMetrics } from '@onrush/chassis/metrics';
import { createApp } from './app';
import { readConfig } from './config';
import { bootstrapAdmin } from './use-cases/bootstrap-admin';

/** Prints one line of JSON: `{ "username", "password", "created" }`; the password is null unless it was made just now. */
async function main(): Promise<void> {
  const config = { ...readConfig(), httpPort: 0, grpcPort: 0, managementPort: 0 };
  const logger = createLogger({ service: 'bootstrap-admin', level: 'fatal' });
  const app = createApp(config, {
    logger,
    metrics: createMetrics({ service: 'bootstrap-admin' }),
    isReady: () => false,
  });
  const neededNames = new Set(['mysql', 'redis', 'snowflake ids']);
  const lifecycle = createLifecycle({
    logger,
    components: app.components.filter(({ name }) => neededNames.has(name)),
  });
  await lifecycle.start();
  try {
    console.log(JSON.stringify(await bootstrapAdmin(app.deps)));
  } finally {
    await lifecycle.stop();
  }
}

main().catch((error: unknown) => {
  console.error(`bootstrap-admin: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
