import os from 'node:os';
import type { Component } from '@onrush/chassis/lifecycle';
import { createRounds } from '@onrush/chassis/rounds';
import { inSpans } from '@onrush/chassis/spans';
import { createStreamRelay } from '@onrush/chassis/stream-relay';
import { productService } from '@onrush/proto';
import { createProducts } from './clients/products';
import { createBacklog } from './data/backlog';
import { createBucketedSales } from './data/bucketed-sales';
import { createLiveSales } from './data/live-sale';
import { createResultNews } from './data/result-news';
import { purchasesOf, sizeOf } from './data/stream-entries';
import { createWaitingRooms } from './data/waiting-rooms';
import { activityOf } from './domain/bucket';
import { repairing, service, type Ground } from './ground';
import { createAdmissions } from './handlers/admissions';
import { createBacklogGauge } from './handlers/backlog';
import { eventHandlers } from './handlers/events';
import { createOperationTimer } from './handlers/operation-timer';
import { createReconciler } from './handlers/reconciler';
import { showStock } from './handlers/stock-gauges';
import { saleOf } from './handlers/stream';
import { createUndrainedSales } from './handlers/timers';
import { createWarmUpTimer } from './handlers/warm-up-timer';
import { recordPurchases } from './use-cases/record-purchases';
import { withdrawUnsold } from './use-cases/withdraw-unsold';

export interface Worker {
  components: Component[];
  /** Purchases were handed over to a stream. */
  wake: () => void;
  /** There is a new stream. */
  refresh: () => Promise<void>;
}

/** Carries purchases from Redis to MySQL and Kafka, follows what becomes of their orders, carries on operations that nobody ended, and warms up. */
export function createWorker(ground: Ground): Worker {
  const { config, runtime, foundation, activities, buckets } = ground;
  const { redis, keys, broker } = foundation;
  const repairs = repairing(ground);
  const sales = createBucketedSales({
    ...runtime,
    sales: createLiveSales({ redis, hot: redis, keys }),
    buckets,
    moves: repairs.moves,
    hot: redis,
    keys,
  });
  const undrained = createUndrainedSales({ activities, sales, logger: runtime.logger });
  const backlog = createBacklog({ redis, keys, group: service });
  const results = createResultNews({ redis, keys });
  const deps = { ...foundation, ...runtime, activities, sales, results, ...repairs };
  const onCounted = showStock({ ...runtime, sales, undrained: undrained.activities });
  const reconciler = createReconciler({ ...deps, onCounted }, config);
  const relay = createStreamRelay({
    ...runtime,
    redis,
    streams: undrained.streams,
    group: service,
    consumer: `${os.hostname()}-${process.pid}-${Date.now()}`,
    handle: async (stream, entries) => {
      const sale = saleOf(stream);
      await inSpans('record purchases', entries.flatMap(purchasesOf), (purchases) =>
        recordPurchases(deps, activityOf(sale), purchases),
      );
      const last = entries.at(-1);
      if (last) reconciler.guard.note(sale, { epoch: Number(last.fields['epoch']), entryId: last.id });
    },
    settle: (stream, entries) =>
      backlog.settle(
        saleOf(stream),
        entries.map((entry) => ({ id: entry.id, purchases: sizeOf(entry) })),
      ),
    batchSize: config.relayBatchSize,
    sizeOf,
    claimIdleMs: config.relayClaimIdleMs,
  });
  const consumer = broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  const client = foundation.clientOf('product-service', productService);
  const products = createProducts(client);
  const operations = createOperationTimer({ ...deps, products }, { resumeAfterMs: config.operationResumeMs });
  const warmUps = createWarmUpTimer(
    { ...deps, products, stockBuckets: config.stockBuckets, onWarmedUp: undrained.refresh },
    config,
  );
  const unsold = createRounds({
    name: 'withdrawal of unsold units',
    everyMs: config.reconcileSeconds * 1_000,
    round: () => withdrawUnsold({ ...deps, products }),
    logger: runtime.logger,
  });
  const gauge = createBacklogGauge({ ...runtime, backlog, streams: undrained.streams });
  const admissions = createAdmissions(
    { ...deps, backlog, rooms: createWaitingRooms(foundation), adaptive: config.adaptiveAdmission },
    { tickMs: config.admissionTickMs },
  );
  const components = [
    undrained,
    gauge,
    relay,
    consumer,
    client,
    operations,
    admissions,
    ...warmUps,
    unsold,
    ...reconciler.components,
  ];
  return { components, wake: relay.wake, refresh: undrained.refresh };
}
