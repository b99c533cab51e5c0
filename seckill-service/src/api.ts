import { createEdge, type Edge } from '@onrush/chassis/edge';
import type { Foundation } from '@onrush/chassis/foundation';
import { createRedisChannels } from '@onrush/chassis/redis-channels';
import { duplicateUnrepeated, onServerChange } from '@onrush/chassis/redis-cluster';
import { redisComponent } from '@onrush/chassis/resources';
import { createRounds } from '@onrush/chassis/rounds';
import { createEventStreams, type EventStreams } from '@onrush/chassis/server-events';
import type { Runtime } from '@onrush/chassis/service';
import { createSharedReads } from '@onrush/chassis/shared-reads';
import { productService } from '@onrush/proto';
import { createCaptcha } from './clients/captcha';
import { createProducts } from './clients/products';
import type { Config } from './config';
import { createBucketedSales } from './data/bucketed-sales';
import { readBuyers } from './data/known-buyers';
import { createLiveSales } from './data/live-sale';
import { createStockMoves } from './data/stock-moves';
import { createVelocity } from './data/velocity';
import { createWaitingRooms } from './data/waiting-rooms';
import { createProofOfWork } from './domain/proof-of-work';
import { createPurchaseTokens } from './domain/purchase-token';
import { createQueueTickets } from './domain/queue-ticket';
import type { TokenHolder } from './domain/signed-bytes';
import { errors } from './errors';
import { repairing, service, upkeepOf, type Ground } from './ground';
import { hearAnnouncements } from './handlers/announcements';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import { resultEventRoutes } from './handlers/result-events';
import { createActivityReads, type ActivityReads } from './use-cases/activity-reads';
import { createBuyBatcher } from './use-cases/buy';
import { captchaChallenge, noChallenge, proofOfWorkChallenge, type Challenge } from './use-cases/challenges';
import { createQueues } from './use-cases/follow-queue';
import { createResults } from './use-cases/follow-results';
import { createAcceptedPurchases } from './use-cases/keep-accepted';
import { assertAdmitted } from './use-cases/queue-up';
import { createSoldOutMemory } from './use-cases/sold-out';
import type { Worker } from './worker';

/** Often enough that what Redis lost comes back while the rebuilt sale is still closed. */
const checkAcceptedMs = 500;
const undrainedTtlMs = 500;
/** Polls of a whole crowd cost Redis this little: each room is read four times a second. */
const roomTtlMs = 250;
const mostRooms = 1_000;

/** Answers buyers and administrators. Where the worker is another process, it finds new streams and entries by itself. */
export function createApi(ground: Ground, worker: Worker | undefined): Edge {
  const { config, runtime, foundation, activities } = ground;
  const client = foundation.clientOf('product-service', productService);
  const channels = createRedisChannels({ redis: foundation.redis, ...runtime });
  const { sales, soldOut, ...buying } = createBuying(ground, worker);
  const results = createResults({ ...foundation, ...runtime, channels, checkMs: config.resultCheckMs });
  const eventStreams = createResultStreams(config, runtime);
  const reads = createActivityReads({ activities, sales });
  const queue = createQueue(ground, reads);
  const deps = {
    ...foundation,
    ...runtime,
    activities,
    products: createProducts(client),
    sales,
    stockBuckets: config.stockBuckets,
    ...repairing(ground),
    batcher: buying.batcher,
    purchaseTokens: buying.purchaseTokens,
    ...createTokenGate(config, foundation),
    ...queue,
    findActivity: activities.find,
    reads,
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
  const components = [
    ...buying.components,
    client,
    channels,
    results,
    queue.queues,
    ...edge.components,
    eventStreams,
  ];
  return { ...edge, components };
}

/** The way of a purchase, as far as its answer. */
function createBuying(ground: Ground, worker: Worker | undefined) {
  const { config, runtime, foundation, activities, buckets } = ground;
  const { redis, keys } = foundation;
  const hot = hotConnection(foundation);
  const moves = createStockMoves({ redis: hot, keys });
  const accepted = createAcceptedPurchases({
    ...foundation,
    ...runtime,
    activities,
    upkeep: upkeepOf({ redis: hot, keys, buckets, moves }),
    limit: config.keptPurchasesLimit,
  });
  onServerChange(hot, accepted.doubt);
  const checks = createRounds({
    name: 'check of accepted purchases',
    everyMs: checkAcceptedMs,
    round: accepted.check,
    logger: runtime.logger,
  });
  const { backlogLimit } = config;
  const single = createLiveSales({ redis, hot, keys, backlogLimit, onAccepted: accepted.keep });
  const sales = createBucketedSales({ ...runtime, sales: single, buckets, moves, hot, keys });
  const purchaseTokens = createPurchaseTokens({
    secret: config.purchaseTokenSecret,
    lifetimeSeconds: config.purchaseTokenSeconds,
  });
  const soldOut = createSoldOutMemory({
    ...runtime,
    readBuyers: (sale) => readBuyers(foundation, sale),
    ttlMs: config.soldOutTtlMs,
  });
  const batcher = createBuyBatcher({
    ...runtime,
    sales,
    buckets,
    soldOut,
    ids: foundation.ids,
    onAccepted: () => worker?.wake(),
    purchaseTokens,
    batchSize: config.buyBatchSize,
    queueLimit: config.buyQueueLimit,
  });
  return { sales, soldOut, purchaseTokens, batcher, components: [redisComponent(hot), checks] };
}

/** The waiting rooms, as those who stand in them see them. */
function createQueue({ config, runtime, foundation }: Ground, reads: ActivityReads) {
  const rooms = createWaitingRooms(foundation);
  const deps = {
    db: foundation.db,
    reads,
    rooms,
    roomReads: createSharedReads({ read: rooms.read, ttlMs: roomTtlMs, limit: mostRooms }),
    queueTickets: createQueueTickets({ secret: config.purchaseTokenSecret }),
  };
  return {
    ...deps,
    queues: createQueues({ ...deps, ...runtime, tellMs: config.queueTellMs }),
    assertAdmitted: (holder: TokenHolder, ticket: string | undefined) => assertAdmitted(deps, holder, ticket),
  };
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
  const hot = duplicateUnrepeated(redis);
  // The outage is logged by the connection that this one was made from.
  hot.on('error', () => undefined);
  return hot;
}
