import os from 'node:os';
import { createEdge, type Edge } from '@onrush/chassis/edge';
import { createFoundation, type Foundation } from '@onrush/chassis/foundation';
import type { Component } from '@onrush/chassis/lifecycle';
import { redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createStreamRelay } from '@onrush/chassis/stream-relay';
import { productService } from '@onrush/proto';
import { createCaptcha } from './clients/captcha';
import { createProducts } from './clients/products';
import type { Config } from './config';
import { createActivityRepository, type ActivityRepository } from './data/activity-repository';
import { ActivityTable } from './data/activity-table';
import { createLiveSales } from './data/live-sale';
import { createSaleControl } from './data/sale-control';
import { createSaleRebuild } from './data/sale-rebuild';
import { createSaleUpkeep } from './data/sale-upkeep';
import { purchasesOf } from './data/stream-entries';
import { createVelocity } from './data/velocity';
import { createProofOfWork } from './domain/proof-of-work';
import { createPurchaseTokens } from './domain/purchase-token';
import { errors } from './errors';
import { eventHandlers } from './handlers/events';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { createOperationTimer } from './handlers/operation-timer';
import { createReconciler } from './handlers/reconciler';
import { createRounds } from './handlers/rounds';
import { activityOf } from './handlers/stream';
import { createUndrainedSales } from './handlers/timers';
import { createBuyBatcher } from './use-cases/buy';
import { captchaChallenge, noChallenge, proofOfWorkChallenge, type Challenge } from './use-cases/challenges';
import { createAcceptedPurchases } from './use-cases/keep-accepted';
import { recordPurchases } from './use-cases/record-purchases';

const service = 'seckill-service';
/** Often enough that what Redis lost comes back while the rebuilt sale is still closed. */
const checkAcceptedMs = 500;

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

/** Carries purchases from Redis to MySQL and Kafka, follows what becomes of their orders, and carries on operations that nobody ended. */
function createWorker({ config, runtime, foundation, activities }: Ground): Worker {
  const { redis, keys, broker } = foundation;
  const sales = createLiveSales({ redis, hot: redis, keys });
  const undrained = createUndrainedSales({ activities, sales, logger: runtime.logger });
  const deps = { ...foundation, ...runtime, activities, sales, ...repairing(config, foundation) };
  const reconciler = createReconciler(deps, config);
  const relay = createStreamRelay({
    ...runtime,
    redis,
    streams: undrained.streams,
    group: service,
    consumer: `${os.hostname()}-${process.pid}-${Date.now()}`,
    handle: async (stream, entries) => {
      const activityId = activityOf(stream);
      await recordPurchases(deps, activityId, entries.flatMap(purchasesOf));
      const last = entries.at(-1);
      if (last) reconciler.guard.note(activityId, { epoch: Number(last.fields['epoch']), entryId: last.id });
    },
    batchSize: config.relayBatchSize,
    claimIdleMs: config.relayClaimIdleMs,
  });
  const consumer = broker.subscribe({ group: service, handlers: eventHandlers(deps) });
  const client = foundation.clientOf('product-service', productService);
  const operations = createOperationTimer(
    { ...deps, products: createProducts(client), control: createSaleControl(foundation) },
    { resumeAfterMs: config.operationResumeMs },
  );
  const components = [undrained, relay, consumer, client, operations, ...reconciler.components];
  return { components, wake: relay.wake, refresh: undrained.refresh };
}

/** What a process needs that repairs live sales: the worker by itself, an api process when an administrator asks for it. */
const repairing = (
  { handOverMs, republishAfterSeconds }: Config,
  { redis, keys }: Pick<Foundation, 'redis' | 'keys'>,
) => ({
  upkeep: createSaleUpkeep({ redis, keys, group: service }),
  rebuild: createSaleRebuild({ redis, keys }),
  handOverMs,
  republishAfterSeconds,
});

/** Answers buyers and administrators. Where the worker is another process, it finds new streams and entries by itself. */
function createApi({ config, runtime, foundation, activities }: Ground, worker: Worker | undefined): Edge {
  const hot = hotConnection(foundation);
  const client = foundation.clientOf('product-service', productService);
  const { redis, keys } = foundation;
  const accepted = createAcceptedPurchases({
    ...foundation,
    ...runtime,
    upkeep: createSaleUpkeep({ redis: hot, keys, group: service }),
    limit: config.keptPurchasesLimit,
  });
  hot.on('close', accepted.doubt);
  const { logger } = runtime;
  const checks = createRounds({
    name: 'check of accepted purchases',
    everyMs: checkAcceptedMs,
    round: accepted.check,
    logger,
  });
  const sales = createLiveSales({ redis, hot, keys, onAccepted: accepted.keep });
  const purchaseTokens = createPurchaseTokens({
    secret: config.purchaseTokenSecret,
    lifetimeSeconds: config.purchaseTokenSeconds,
  });
  const batcher = createBuyBatcher({
    ...runtime,
    sales,
    ids: foundation.ids,
    onAccepted: () => worker?.wake(),
    purchaseTokens,
    batchSize: config.buyBatchSize,
    queueLimit: config.buyQueueLimit,
  });
  const deps = {
    ...foundation,
    ...runtime,
    activities,
    products: createProducts(client),
    sales,
    control: createSaleControl(foundation),
    ...repairing(config, foundation),
    batcher,
    purchaseTokens,
    ...createTokenGate(config, foundation),
    findActivity: activities.find,
    onWarmedUp: () => worker?.refresh() ?? Promise.resolve(),
  };
  const edge = createEdge({
    ...deps,
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [grpcHandlers(deps)],
  });
  return { ...edge, components: [redisComponent(hot), client, checks, ...edge.components] };
}

/** What stands before a purchase token. */
function createTokenGate(config: Config, { redis, keys }: Foundation) {
  return {
    velocity: createVelocity({ redis, keys, rules: config.tokenVelocity }),
    challenge: createChallenge(config),
    leadSeconds: config.purchaseTokenSeconds,
  };
}

function createChallenge({ challenge, purchaseTokenSecret, purchaseTokenSeconds }: Config): Challenge {
  switch (challenge.kind) {
    case 'none':
      return noChallenge;
    case 'proof_of_work':
      return proofOfWorkChallenge(
        createProofOfWork({
          secret: purchaseTokenSecret,
          difficulty: challenge.difficulty,
          lifetimeSeconds: purchaseTokenSeconds,
        }),
      );
    case 'captcha': {
      const { site_key: siteKey, secret, verify_url: verifyUrl } = challenge;
      return captchaChallenge(createCaptcha({ siteKey, secret, verifyUrl }));
    }
  }
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
