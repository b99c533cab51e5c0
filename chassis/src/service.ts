import { setFlagsFromString } from 'node:v8';
import { configOrExit } from './config';
import { armFailpoint } from './failpoint';
import { createLifecycle, type Component } from './lifecycle';
import { createLogLevel } from './log-level';
import { createLogger, type Logger, type LogLevel, type RootLogger } from './logger';
import { createManagementServer } from './management-server';
import { createMetrics, type Metrics } from './metrics';
import { stopTracing } from './tracing-lifecycle';

/** What a composition root is given besides its configuration. */
export interface Runtime {
  logger: Logger;
  metrics: Metrics;
  /** Everything has started, and nothing has begun to stop. */
  isReady: () => boolean;
}

/** A wired service that has not started anything yet. */
export interface App {
  components: Component[];
  openApi?: () => unknown;
}

/** What every process has to be told. */
export interface ProcessConfig {
  host: string;
  managementPort: number;
  logLevel: LogLevel;
  drainDelayMs: number;
  discovery: 'consul' | 'static' | 'dns';
  consulHttpAddr: string;
  namespace: string;
}

export interface ServiceOptions<C extends ProcessConfig> {
  name: string;
  config: () => C;
  createApp: (config: C, runtime: Runtime) => App;
  /** False where another process answers probes and scrapes for this one. */
  hasManagementPort?: boolean;
}

/**
 * Runs a service until SIGTERM or SIGINT. A bad configuration or a failed start ends the process with 1 and says why;
 * so does an uncaught exception, after draining.
 */
export async function runService<C extends ProcessConfig>(options: ServiceOptions<C>): Promise<void> {
  allocateYoung();
  const config = configOrExit(() => {
    armFailpoint(options.name);
    return options.config();
  });
  const logger = createLogger({ service: options.name, level: config.logLevel });
  const metrics = createMetrics({ service: options.name, collectDefaults: true });
  const isReady = (): boolean => lifecycle.isReady();
  const app = options.createApp(config, { logger, metrics, isReady });
  const lifecycle = createLifecycle({
    logger,
    components: [...liveLevel(options.name, config, logger), ...app.components],
    drainDelayMs: config.drainDelayMs,
  });
  const management =
    options.hasManagementPort === false
      ? undefined
      : createManagementServer({
          host: config.host,
          port: config.managementPort,
          metrics,
          isReady,
          ...(app.openApi && { openApi: app.openApi }),
        });

  let ending = false;
  const end = async (exitCode: number): Promise<void> => {
    if (ending) return;
    ending = true;
    await lifecycle.stop();
    await management?.stop();
    await stopTracing().catch((error: unknown) => logger.warn('last spans not sent', { error }));
    process.exit(exitCode);
  };
  const fail = (what: string) => (error: unknown) => {
    logger.fatal(what, { error });
    void end(1);
  };
  process.on('uncaughtException', fail('uncaught exception'));
  process.on('unhandledRejection', fail('unhandled rejection'));
  process.once('SIGTERM', () => void end(0));
  process.once('SIGINT', () => void end(0));

  try {
    await management?.start();
    await lifecycle.start();
    logger.info('ready', { managementPort: management?.port() });
  } catch (error) {
    fail('start failed')(error);
  }
}

/** Where there is no Consul, nobody watches one. */
const liveLevel = (name: string, config: ProcessConfig, logger: RootLogger) =>
  config.discovery === 'consul' ? [createLogLevel(name, { ...config, level: config.logLevel }, logger)] : [];

/**
 * What a request allocates dies with its answer. While the young generation is still small, a burst of requests in flight outlives its
 * collections, and V8 concludes that such objects belong into the old generation from the start; there, dead ones hold everything that they
 * point to until the next full collection, and every later request is copied after them. A gateway that met its first crowd right after its
 * start paid a quarter more for each purchase. How V8 decides: https://wingolog.org/archives/2026/01/05/pre-tenuring-in-v8
 */
const allocateYoung = (): void => setFlagsFromString('--no-allocation-site-pretenuring');
