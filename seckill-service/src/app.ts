import os from 'node:os';
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
import { createStreamRelay } from '@onrush/chassis/stream-relay';
import { productService } from '@onrush/proto';
import { createProducts } from './clients/products';
import type { Config } from './config';
import { createActivityRepository } from './data/activity-repository';
import { ActivityTable } from './data/activity-table';
import { createLiveSales } from './data/live-sale';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { activityOf, purchasesOf } from './handlers/stream';
import { createUndrainedSales } from './handlers/timers';
import { createBuyBatcher } from './use-cases/buy';
import { recordPurchases } from './use-cases/record-purchases';

const service = 'seckill-service';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger } = runtime;
  const db = createDataSource({
    url: config.mysqlUrl,
    type: config.mysqlType,
    entities: [ActivityTable],
    poolSize: config.mysqlPoolSize,
  });
  const redis = createRedis({ url: config.redisUrl, name: service, logger });
  // A batch whose answer was lost may have been decided: it is never sent again by itself, and never waits for a dead Redis.
  const hot = redis.duplicate({
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
  });
  hot.on('error', () => undefined);
  const keys = createKeys(config.namespace, 'seckill');
  const broker = createKafkaBroker({
    brokers: config.kafkaBrokers,
    clientId: service,
    namespace: config.namespace,
    ...runtime,
  });
  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const client = createGrpcClient({
    service: 'product-service',
    definition: productService,
    discovery,
    tokens,
    errors,
    ...runtime,
  });

  const outbox = createOutbox({ db, broker, ...runtime });
  const ids = createIds({ redis, keys, logger });
  const activities = createActivityRepository(db);
  const sales = createLiveSales({ redis, hot, keys });
  const products = createProducts(client);
  const undrained = createUndrainedSales({ activities, sales, logger });
  const relay = createStreamRelay({
    redis,
    group: service,
    consumer: `${os.hostname()}-${process.pid}-${Date.now()}`,
    streams: undrained.streams,
    handle: (stream, entries) =>
      recordPurchases(
        { db, activities, sales, broker, logger },
        activityOf(stream),
        entries.flatMap(purchasesOf),
      ),
    batchSize: config.relayBatchSize,
    claimIdleMs: config.relayClaimIdleMs,
    ...runtime,
  });
  const batcher = createBuyBatcher({
    sales,
    ids,
    onAccepted: relay.wake,
    batchSize: config.buyBatchSize,
    queueLimit: config.buyQueueLimit,
    ...runtime,
  });
  const deps = {
    db,
    activities,
    products,
    sales,
    ids,
    outbox,
    batcher,
    logger,
    onWarmedUp: undrained.refresh,
  };

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
      redisComponent(hot),
      ids,
      broker,
      outbox,
      discovery,
      client,
      undrained,
      relay,
      consumer,
      ...edge.components,
    ],
    openApi: edge.openApi,
  };
}
