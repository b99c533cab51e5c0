import { createDelayQueue } from '@onrush/chassis/delay-queue';
import { createEdge } from '@onrush/chassis/edge';
import { createFoundation } from '@onrush/chassis/foundation';
import type { App, Runtime } from '@onrush/chassis/service';
import { paymentService, productService } from '@onrush/proto';
import { createPayments } from './clients/payments';
import { createProducts } from './clients/products';
import type { Config } from './config';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { createDeadlineTimer, createSweep } from './handlers/timers';
import { cancelOverdueOrder } from './use-cases/cancel-order';
import { createCreationTimes } from './use-cases/creation-times';
import { createDeadlines } from './use-cases/deadlines';

const service = 'order-service';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger } = runtime;
  const foundation = createFoundation(service, config, runtime, { errors });
  const { db, redis, keys, broker, outbox } = foundation;
  const { orderSweepSeconds: everySeconds, sagaStaleSeconds } = config;
  const timers = createDelayQueue<{ orderId: string }>({
    redis,
    keys,
    name: 'payment-timeout',
    handle: ({ payload }) => cancelOverdueOrder({ db, outbox }, payload.orderId, new Date()),
    ...runtime,
  });
  const deadlines = createDeadlines({ db, timers, everyMs: everySeconds * 1_000 });
  const productClient = foundation.clientOf('product-service', productService);
  const paymentClient = foundation.clientOf('payment-service', paymentService);
  const deps = {
    ...foundation,
    deadlines,
    creationTimes: createCreationTimes(runtime.metrics),
    products: createProducts(productClient),
    payments: createPayments(paymentClient),
    paymentTimeoutSeconds: config.orderPaymentTimeoutSeconds,
    logger,
  };

  const routes = httpRoutes(deps);
  const edge = createEdge({
    ...foundation,
    ...runtime,
    service,
    config,
    errors,
    routes,
    grpc: [grpcHandlers(deps)],
  });
  const consumer = broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  const sweep = createSweep({ deps, everySeconds, sagaStaleSeconds, logger });
  const deadlineTimer = createDeadlineTimer({ deadlines, everySeconds, logger });
  const own = [productClient, paymentClient, timers, deadlineTimer, sweep, consumer];
  return { components: [...foundation.components, ...own, ...edge.components], openApi: edge.openApi };
}
