import { createEdge } from '@onrush/chassis/edge';
import { internalTokensFromFiles } from '@onrush/chassis/internal-tokens';
import { createKafkaBroker } from '@onrush/chassis/kafka-broker';
import { createDataSource } from '@onrush/chassis/mysql';
import { createOutbox } from '@onrush/chassis/outbox';
import { createKeys, createRedis } from '@onrush/chassis/redis';
import { createIds, databaseComponent, redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createDiscovery } from '@onrush/chassis/service-discovery';
import type { Config } from './config';
import { createPasswords } from './data/passwords';
import { createUserRepository } from './data/user-repository';
import { UserTable } from './data/user-table';
import { errors } from './errors';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import type { Register } from './use-cases/register';

const service = 'user-service';

/** `deps` is what bootstrap-admin.ts needs besides the running service. */
export function createApp(config: Config, runtime: Runtime): App & { deps: Register } {
  const { logger } = runtime;
  const db = createDataSource({
    url: config.mysqlUrl,
    type: config.mysqlType,
    entities: [UserTable],
    poolSize: config.mysqlPoolSize,
  });
  const redis = createRedis({ url: config.redisUrl, name: service, logger });
  const broker = createKafkaBroker({
    brokers: config.kafkaBrokers,
    clientId: service,
    namespace: config.namespace,
    ...runtime,
  });
  const outbox = createOutbox({ db, broker, ...runtime });
  const ids = createIds({ redis, keys: createKeys(config.namespace, 'user'), logger });
  const users = createUserRepository(db);
  const passwords = createPasswords({
    cost: config.bcryptCost,
    concurrency: config.hashConcurrency,
    queueLimit: config.hashQueueLimit,
  });
  const deps = { db, users, passwords, outbox, ids };

  const discovery = createDiscovery(config, logger);
  const edge = createEdge({
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [grpcHandlers(deps)],
    tokens: internalTokensFromFiles(service, config),
    discovery,
    ...runtime,
  });
  return {
    components: [
      databaseComponent(db),
      redisComponent(redis),
      ids,
      broker,
      outbox,
      discovery,
      ...edge.components,
    ],
    openApi: edge.openApi,
    deps,
  };
}
