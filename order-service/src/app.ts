import { createDelayQueue } from '@onrush/chassis/delay-queue';
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
import { paymentService, productService } from '@onrush/proto';
import { createPayments } from './clients/payments';
import { createProducts } from './clients/products';
import type { Config } from './config';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { createSweep } from './handlers/timers';
import { cancelOverdueOrder } from './use-cases/cancel-order';

const service = 'order-service';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger } = runtime;
  const db = createDataSource({
    url: config.mysqlUrl,
    type: config.mysqlType,
    entities: [],
    poolSize: config.mysqlPoolSize,
  });
  const redis = createRedis({ url: config.redisUrl, name: service, logger });
  const keys = createKeys(config.namespace, 'order');
  const broker = createKafkaBroker({
    brokers: config.kafkaBrokers,
    clientId: service,
    namespace: config.namespace,
    ...runtime,
  });
  const outbox = createOutbox({ db, broker, ...runtime });
  const ids = createIds({ redis, keys, logger });
  const timeouts = createDelayQueue<{ orderId: string }>({
    redis,
    keys,
    name: 'payment-timeout',
    handle: ({ payload }) => cancelOverdueOrder({ db, outbox }, payload.orderId, new Date()),
    ...runtime,
  });

  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const calling = { discovery, tokens, errors, ...runtime };
  const productClient = createGrpcClient({
    service: 'product-service',
    definition: productService,
    ...calling,
  });
  const paymentClient = createGrpcClient({
    service: 'payment-service',
    definition: paymentService,
    ...calling,
  });
  const products = createProducts(productClient);
  const payments = createPayments(paymentClient);
  const paymentTimeoutSeconds = config.orderPaymentTimeoutSeconds;
  const deps = { db, outbox, ids, timeouts, products, payments, paymentTimeoutSeconds, logger };

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
  const sweep = createSweep({
    deps,
    everySeconds: config.orderSweepSeconds,
    sagaStaleSeconds: config.sagaStaleSeconds,
    logger,
  });
  return {
    components: [
      databaseComponent(db),
      redisComponent(redis),
      ids,
      broker,
      outbox,
      timeouts,
      sweep,
      discovery,
      productClient,
      paymentClient,
      consumer,
      ...edge.components,
    ],
    openApi: edge.openApi,
  };
}
