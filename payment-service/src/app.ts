import { createEdge } from '@onrush/chassis/edge';
import { createGrpcClient } from '@onrush/chassis/grpc-client';
import { internalTokensFromFiles } from '@onrush/chassis/internal-tokens';
import { createKafkaBroker } from '@onrush/chassis/kafka-broker';
import { createDataSource } from '@onrush/chassis/mysql';
import { createOutbox } from '@onrush/chassis/outbox';
import { createKeys, createRedis } from '@onrush/chassis/redis';
import { createIds, databaseComponent, redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createDiscovery } from '@onrush/chassis/service-discovery';
import { orderService } from '@onrush/proto';
import { createOrders } from './clients/orders';
import type { Config } from './config';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';

const service = 'payment-service';

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
  const ids = createIds({ redis, keys: createKeys(config.namespace, 'payment'), logger });
  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const client = createGrpcClient({
    service: 'order-service',
    definition: orderService,
    discovery,
    tokens,
    errors,
    ...runtime,
  });
  const { publicUrl, mockPaymentSecret } = config;
  const deps = { db, outbox, ids, orders: createOrders(client), publicUrl, mockPaymentSecret, logger };

  const edge = createEdge({
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [grpcHandlers(deps)],
    tokens,
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
      client,
      consumer,
      ...edge.components,
    ],
    openApi: edge.openApi,
  };
}
