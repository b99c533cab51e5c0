import { createEdge } from '@onrush/chassis/edge';
import { createFoundation } from '@onrush/chassis/foundation';
import type { App, Runtime } from '@onrush/chassis/service';
import type { Config } from './config';
import { createProductCache } from './data/product-cache';
import { createProductRepository } from './data/product-repository';
import { ProductTable } from './data/product-table';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';

const service = 'product-service';

export function createApp(config: Config, runtime: Runtime): App {
  const foundation = createFoundation(service, config, runtime, { errors, entities: [ProductTable] });
  const { db, redis, keys, broker } = foundation;
  const products = createProductRepository(db);
  const cache = createProductCache({
    redis,
    keys,
    seconds: config.productCacheSeconds,
    logger: runtime.logger,
  });
  const deps = { ...foundation, products, cache };

  const edge = createEdge({
    ...foundation,
    ...runtime,
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [grpcHandlers(deps)],
  });
  const consumer = broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  return { components: [...foundation.components, consumer, ...edge.components], openApi: edge.openApi };
}
