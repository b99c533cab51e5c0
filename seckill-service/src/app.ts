import os from 'node:os';
import { createEdge } from '@onrush/chassis/edge';
import { createFoundation, type Foundation } from '@onrush/chassis/foundation';
import { redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createStreamRelay, type StreamRelay } from '@onrush/chassis/stream-relay';
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
import { recordPurchases, type RecordPurchases } from './use-cases/record-purchases';

const service = 'seckill-service';

export function createApp(config: Config, runtime: Runtime): App {
  const foundation = createFoundation(service, config, runtime, { errors, entities: [ActivityTable] });
  const hot = hotConnection(foundation);
  const client = foundation.clientOf('product-service', productService);
  const activities = createActivityRepository(foundation.db);
  const sales = createLiveSales({ redis: foundation.redis, hot, keys: foundation.keys });
  const undrained = createUndrainedSales({ activities, sales, logger: runtime.logger });
  const recording = { ...foundation, ...runtime, activities, sales };
  const relay = purchaseRelay(config, runtime, {
    recording,
    redis: foundation.redis,
    streams: undrained.streams,
  });
  const batcher = createBuyBatcher({
    ...runtime,
    sales,
    ids: foundation.ids,
    onAccepted: relay.wake,
    batchSize: config.buyBatchSize,
    queueLimit: config.buyQueueLimit,
  });
  const products = createProducts(client);
  const { logger } = runtime;
  const deps = { ...foundation, logger, activities, products, sales, batcher, onWarmedUp: undrained.refresh };

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
  const own = [redisComponent(hot), client, undrained, relay, consumer];
  return { components: [...foundation.components, ...own, ...edge.components], openApi: edge.openApi };
}

/** A batch whose answer was lost may have been decided: it is never sent again by itself, and never waits for a dead Redis. */
function hotConnection({ redis }: Foundation): Foundation['redis'] {
  const hot = redis.duplicate({
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
  });
  // The outage is logged by the connection that this one was made from.
  hot.on('error', () => undefined);
  return hot;
}

function purchaseRelay(
  config: Config,
  runtime: Runtime,
  {
    recording,
    redis,
    streams,
  }: { recording: RecordPurchases; redis: Foundation['redis']; streams: () => string[] },
): StreamRelay {
  return createStreamRelay({
    ...runtime,
    redis,
    streams,
    group: service,
    consumer: `${os.hostname()}-${process.pid}-${Date.now()}`,
    handle: (stream, entries) => recordPurchases(recording, activityOf(stream), entries.flatMap(purchasesOf)),
    batchSize: config.relayBatchSize,
    claimIdleMs: config.relayClaimIdleMs,
  });
}
