import os from 'node:os';
import { createEdge, type Edge } from '@onrush/chassis/edge';
import { createFoundation, type Foundation } from '@onrush/chassis/foundation';
import type { Component } from '@onrush/chassis/lifecycle';
import { createRedisChannels } from '@onrush/chassis/redis-channels';
import { redisComponent } from '@onrush/chassis/resources';
import { createEventStreams, type EventStreams } from '@onrush/chassis/server-events';
import type { App, Runtime } from '@onrush/chassis/service';
import { createSharedReads } from '@onrush/chassis/shared-reads';
import { createStreamRelay } from '@onrush/chassis/stream-relay';
import { productService } from '@onrush/proto';
import { createProducts } from './clients/products';
import type { Config } from './config';
import { createActivityRepository, type ActivityRepository } from './data/activity-repository';
import { ActivityTable } from './data/activity-table';
import { createBacklog } from './data/backlog';
import { readBuyers } from './data/known-buyers';
import { createLiveSales } from './data/live-sale';
import { createResultNews } from './data/result-news';
import { errors } from './errors';
import { hearAnnouncements } from './handlers/announcements';
import { createBacklogGauge } from './handlers/backlog';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { resultEventRoutes } from './handlers/result-events';
import { activityOf, purchasesOf } from './handlers/stream';
import { createUndrainedSales } from './handlers/timers';
import { createActivityReads } from './use-cases/activity-reads';
import { createBuyBatcher } from './use-cases/buy';
import { createResults } from './use-cases/follow-results';
import { recordPurchases } from './use-cases/record-purchases';
import { createSoldOutMemory } from './use-cases/sold-out';

const service = 'seckill-service';
const undrainedTtlMs = 500;

/** What both halves of the service stand on. */
interface Ground {
  config: Config;
  runtime: Runtime;
  foundation: Foundation;
  activities: ActivityRepository;
}

interface Worker {
  components: Component[];
  /** Purchases were handed over to a stream. */
  wake: () => void;
  /** There is a new stream. */
  refresh: () => Promise<void>;
}

/**
 * Two halves that meet only in Redis and MySQL, so that they may run as processes of their own: while buyers rush, recording what they
 * bought must not take the processor from those who still wait.
 */
export function createApp(config: Config, runtime: Runtime): App {
  const foundation = createFoundation(service, config, runtime, { errors, entities: [ActivityTable] });
  const ground: Ground = {
    config,
    runtime,
    foundation,
    activities: createActivityRepository(foundation.db),
  };
  const worker = config.role === 'api' ? undefined : createWorker(ground);
  const api = config.role === 'worker' ? undefined : createApi(ground, worker);
  return {
    components: [
      ...(worker ? foundation.components : foundation.componentsWithoutMessaging),
      ...(worker?.components ?? []),
      ...(api?.components ?? []),
    ],
    ...(api && { openApi: api.openApi }),
  };
}

/** Carries purchases from Redis to MySQL and Kafka, and follows what becomes of their orders. */
function createWorker({ config, runtime, foundation, activities }: Ground): Worker {
  const { redis, keys, broker } = foundation;
  const sales = createLiveSales({ redis, hot: redis, keys });
  const undrained = createUndrainedSales({ activities, sales, logger: runtime.logger });
  const backlog = createBacklog({ redis, keys, group: service });
  const deps = { ...foundation, ...runtime, activities, sales, results: createResultNews({ redis, keys }) };
  const relay = createStreamRelay({
    ...runtime,
    redis,
    streams: undrained.streams,
    group: service,
    consumer: `${os.hostname()}-${process.pid}-${Date.now()}`,
    handle: (stream, entries) => recordPurchases(deps, activityOf(stream), entries.flatMap(purchasesOf)),
    settle: (stream, entries) =>
      backlog.settle(
        activityOf(stream),
        entries.map((entry) => ({ id: entry.id, purchases: purchasesOf(entry).length })),
      ),
    batchSize: config.relayBatchSize,
    claimIdleMs: config.relayClaimIdleMs,
  });
  const consumer = broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  const gauge = createBacklogGauge({ ...runtime, backlog, streams: undrained.streams });
  return { components: [undrained, gauge, relay, consumer], wake: relay.wake, refresh: undrained.refresh };
}

/** Answers buyers and administrators. Where the worker is another process, it finds new streams and entries by itself. */
function createApi({ config, runtime, foundation, activities }: Ground, worker: Worker | undefined): Edge {
  const { redis, keys } = foundation;
  const hot = hotConnection(foundation);
  const client = foundation.clientOf('product-service', productService);
  const sales = createLiveSales({ redis, hot, keys, backlogLimit: config.backlogLimit });
  const channels = createRedisChannels({ redis, ...runtime });
  const soldOut = createSoldOutMemory({
    ...runtime,
    readBuyers: (activityId) => readBuyers(foundation, activityId),
    ttlMs: config.soldOutTtlMs,
  });
  const batcher = createBuyBatcher({
    ...runtime,
    sales,
    soldOut,
    ids: foundation.ids,
    onAccepted: () => worker?.wake(),
    batchSize: config.buyBatchSize,
    queueLimit: config.buyQueueLimit,
  });
  const results = createResults({ ...foundation, ...runtime, channels, checkMs: config.resultCheckMs });
  const eventStreams = createResultStreams(config, runtime);
  const deps = {
    ...foundation,
    ...runtime,
    activities,
    products: createProducts(client),
    sales,
    batcher,
    reads: createActivityReads({ activities, sales }),
    undrained: createSharedReads({ read: () => activities.findUndrained(), ttlMs: undrainedTtlMs, limit: 1 }),
    results,
    eventStreams,
    onWarmedUp: () => worker?.refresh() ?? Promise.resolve(),
  };
  hearAnnouncements({ ...deps, channels, soldOut });
  const edge = createEdge({
    ...deps,
    service,
    config,
    errors,
    routes: [...httpRoutes(deps), ...resultEventRoutes(deps)],
    grpc: [grpcHandlers(deps)],
  });
  // Streams end before the server waits for them.
  const components = [redisComponent(hot), client, channels, results, ...edge.components, eventStreams];
  return { ...edge, components };
}

const createResultStreams = (config: Config, { metrics }: Runtime): EventStreams =>
  createEventStreams({
    metrics,
    limit: config.resultStreamLimit,
    heartbeatMs: config.resultHeartbeatMs,
    longestMs: config.resultStreamSeconds * 1_000,
    refusal: () => errors.tooManyStreams({ retryAfterSeconds: 5 }),
  });

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
