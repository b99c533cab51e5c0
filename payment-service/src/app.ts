import { createEdge } from '@onrush/chassis/edge';
import { createFoundation } from '@onrush/chassis/foundation';
import type { App, Runtime } from '@onrush/chassis/service';
import { orderService } from '@onrush/proto';
import { createOrders } from './clients/orders';
import type { Config } from './config';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { watchJournal } from './handlers/journal-gauge';
import { createAnomalyCounter } from './use-cases/settle-payment';

const service = 'payment-service';

export function createApp(config: Config, runtime: Runtime): App {
  const foundation = createFoundation(service, config, runtime, { errors });
  const client = foundation.clientOf('order-service', orderService);
  const { publicUrl, mockPaymentSecret } = config;
  const { logger, metrics } = runtime;
  watchJournal(foundation.db, metrics);
  const deps = {
    ...foundation,
    logger,
    countAnomaly: createAnomalyCounter(metrics),
    orders: createOrders(client),
    publicUrl,
    mockPaymentSecret,
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
  const consumer = foundation.broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  return {
    components: [...foundation.components, client, consumer, ...edge.components],
    openApi: edge.openApi,
  };
}
