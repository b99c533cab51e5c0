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
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { httpRoutes } from './handlers/http';

const service = 'notify-service';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger } = runtime;
  const db = createDataSource({
    url: config.mysqlUrl,
    type: config.mysqlType,
    entities: [],
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
  const ids = createIds({ redis, keys: createKeys(config.namespace, 'notify'), logger });
  const deps = { db, outbox, ids, logger };

  const discovery = createDiscovery(config, logger);
  const edge = createEdge({
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [],
    tokens: internalTokensFromFiles(service, config),
    discovery,
    ...runtime,
  });
  const consumer = broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  return {
    components: [
      databaseComponent(db),
      redisComponent(redis),
      ids,
      broker,
      outbox,
      discovery,
      consumer,
      ...edge.components,
    ],
    openApi: edge.openApi,
  };
}
