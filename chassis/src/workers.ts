import cluster from 'node:cluster';
import { createLogger } from './logger';
import { createManagementServer } from './management-server';
import { createMetrics } from './metrics';
import { configOrExit } from './config';
import { runService, type ProcessConfig, type ServiceOptions } from './service';
import { stopTracing } from './tracing-lifecycle';
import { answerMetrics, createWorkerMetrics } from './worker-metrics';
import { createWorkerPool, wordToPrimary, type WorkerPoolOptions } from './worker-pool';

interface WorkersConfig extends ProcessConfig {
  workers: number;
}

type WorkersOptions<C extends WorkersConfig> = ServiceOptions<C> &
  Pick<WorkerPoolOptions, 'restartAfterMs' | 'drainLimitMs'>;

const signals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a service like `runService`, with as many processes as its configuration says; with one, in this process. With more, this is the
 * primary: it takes the connections and deals them out in turn (node:cluster), answers probes and scrapes for all, and drains all at the
 * first signal; a second one ends everything at once. It ends with 0 when every worker ended well, and with 1 when the configuration
 * is not valid (no worker is started), or when a worker does not come up five times in a row.
 */
export async function runWorkers<C extends WorkersConfig>(options: WorkersOptions<C>): Promise<void> {
  if (cluster.isWorker) return runWorker(options);
  const config = configOrExit(options.config);
  if (config.workers === 1) return runService({ ...options, config: () => config });
  return runPrimary(options, config);
}

function runWorker<C extends WorkersConfig>(options: WorkersOptions<C>): Promise<void> {
  // A signal to the whole group comes twice, the second time from the primary: it must not cut the drain short.
  for (const signal of signals) process.on(signal, () => undefined);
  return runService({
    ...options,
    hasManagementPort: false,
    createApp(config, runtime) {
      answerMetrics({ registry: runtime.metrics.registry, logger: runtime.logger });
      const app = options.createApp(config, runtime);
      return { ...app, components: [...app.components, wordToPrimary] };
    },
  });
}

async function runPrimary<C extends WorkersConfig>(options: WorkersOptions<C>, config: C): Promise<void> {
  const logger = createLogger({ service: options.name, level: config.logLevel });
  const metrics = createMetrics({ service: options.name, collectDefaults: true });
  const pool = createWorkerPool({
    ...options,
    count: config.workers,
    logger,
    metrics,
    onHopeless: () => fail('workers do not start')(),
  });
  const management = createManagementServer({
    host: config.host,
    port: config.managementPort,
    metrics: { registry: createWorkerMetrics({ own: metrics.registry, workers: pool.ready }) },
    isReady: pool.areAllReady,
  });

  let ending = false;
  const end = async (exitCode: number): Promise<void> => {
    if (ending) return;
    ending = true;
    const endedWell = await pool.stop();
    await management.stop();
    await stopTracing().catch((error: unknown) => logger.warn('last spans not sent', { error }));
    process.exit(endedWell ? exitCode : 1);
  };
  const fail = (what: string) => (error?: unknown) => {
    logger.fatal(what, { error });
    void end(1);
  };
  const signalled = () => {
    if (!ending) return void end(0);
    pool.killAll();
    process.exit(1);
  };
  process.on('uncaughtException', fail('uncaught exception'));
  process.on('unhandledRejection', fail('unhandled rejection'));
  for (const signal of signals) process.on(signal, signalled);

  try {
    await management.start();
    if (!ending) pool.start();
    logger.info('workers are starting', { workers: config.workers, managementPort: management.port() });
  } catch (error) {
    fail('start failed')(error);
  }
}
