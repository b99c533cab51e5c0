import { createServer } from 'node:http';
import { createBalancer, type Balancer } from '@onrush/chassis/balancer';
import type { Discovery } from '@onrush/chassis/discovery';
import { createGrpcClient } from '@onrush/chassis/grpc-client';
import { listening } from '@onrush/chassis/http-server';
import { internalTokensFromFiles, type InternalTokens } from '@onrush/chassis/internal-tokens';
import { createKafkaBroker } from '@onrush/chassis/kafka-broker';
import { createKeys, createRedis } from '@onrush/chassis/redis';
import type { Component } from '@onrush/chassis/lifecycle';
import { redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createDiscovery } from '@onrush/chassis/service-discovery';
import { authService, seckillService } from '@onrush/proto';
import { createAccessKeys } from './identity/access-keys';
import { createApiDocument } from './ends/api-document';
import { createApiKeys } from './identity/api-keys';
import { createAuthenticator } from './identity/authenticate';
import { createBuy } from './ends/buy';
import { createBuyStreams } from './upstream/buy-streams';
import { createCachePurge } from './cache/cache-purge';
import { createCachedRead } from './ends/cached-read';
import { createAsk, createCall } from './ends/call';
import { createCanaryChoice } from './canary/canary-choice';
import { createCanaryGuard } from './canary/canary-guard';
import { createCircuitBreaker } from './upstream/circuit-breaker';
import { createConcurrencyLimit } from './limits/concurrency-limit';
import type { Config } from './config';
import { capConnections } from './connection/connection-cap';
import { guardConnections, publicServerOptions } from './connection/connection-guard';
import { createCors } from './connection/cors';
import { servePlainRequests } from './connection/plain-connections';
import { errors } from './errors';
import { createIdempotency } from './idempotency/idempotency';
import { createIpRules } from './identity/ip-rules';
import { createLiveSettings, type LiveSettings } from './live-settings';
import { createLongLived } from './ends/long-lived';
import { createLoopDelay } from './limits/loop-delay';
import { createOnce } from './ends/once';
import { createOnward } from './upstream/onward';
import { createOwnPages, isOwnPage, isProbe } from './ends/own-pages';
import { createPipeline } from './pipeline';
import { createRateLimiter } from './limits/rate-limiter';
import { createResponseCache, type ResponseCache } from './cache/response-cache';
import { createRetryBudget } from './upstream/retry-budget';
import { createRevocations } from './identity/revocations';
import { createServerEvents } from './ends/server-events';
import { upstreams as names } from './routes';
import { createUpstreams } from './upstream/upstream';
import { createWebSockets } from './ends/web-sockets';

const service = 'gateway';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger, metrics } = runtime;
  const redis = createRedis({ url: config.redisUrl, name: service, logger, metrics });
  const keys = createKeys(config.namespace, service);
  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const shared: Shared = {
    ...runtime,
    redis,
    keys,
    tokens,
    discovery,
    live: createLiveSettings(config, runtime),
  };

  const identity = createIdentity(shared, config.verifiedTokensLimit);
  const limits = createLimits(config, shared);
  const ends = createEnds(config, shared);
  const server = createServer({
    ...publicServerOptions,
    shouldUpgradeCallback: (request) => ends.webSockets.isHandshake(request),
  });
  capConnections(server, config, metrics);
  const handle = createPipeline({
    ...identity,
    ...limits,
    ...runtime,
    guard: guardConnections(server, runtime),
    router: shared.live.router,
    ends: ends.byKind,
    ownPages: createOwnPages({
      ...shared,
      upstreams: names,
      apiDocument: createApiDocument({ ...shared, routes: shared.live.routes, upstreams: names }),
    }),
    isOwnPage,
    isProbe,
    cors: createCors(config.corsOrigins),
    hosts: config.allowedHosts.length > 0 ? new Set(config.allowedHosts) : undefined,
    trustedHops: config.trustedHops,
  });
  servePlainRequests(server);
  server.on('request', handle);
  ends.webSockets.serve(server, handle);
  const http = listening('public http server', server, { host: config.host, port: config.httpPort });
  return {
    components: [
      redisComponent(redis),
      discovery,
      shared.live,
      ...identity.components,
      ...limits.components,
      ...ends.components,
      http,
      // Last, and so the first to stop: a server waits for its streams.
      ends.longLived,
    ],
  };
}

interface Shared extends Runtime {
  redis: ReturnType<typeof createRedis>;
  keys: ReturnType<typeof createKeys>;
  tokens: InternalTokens;
  discovery: Discovery;
  live: LiveSettings;
}

/** Who may come in: fed by auth-service. */
function createIdentity(shared: Shared, cacheLimit: number) {
  const client = createGrpcClient({ service: 'auth-service', definition: authService, errors, ...shared });
  const accessKeys = createAccessKeys(shared);
  const revocations = createRevocations({ client, ...shared });
  const ipRules = createIpRules({ client, ...shared });
  const authenticator = createAuthenticator({
    keys: accessKeys,
    revocations,
    metrics: shared.metrics,
    cacheLimit,
  });
  return { ipRules, authenticator, components: [client, revocations, ipRules, authenticator] };
}

/** How much may come in. */
function createLimits(config: Config, shared: Shared) {
  const limiter = createRateLimiter({ ...shared, limits: shared.live.rateLimits });
  const loopDelay = createLoopDelay();
  const concurrency = createConcurrencyLimit({
    // A healthy peak has some 200 purchases in flight, and the crowd has 70 % of this: room for a stall of a tenth of a second.
    initial: 1_024,
    min: 128,
    max: 16_384,
    // A purchase waits for its batch, and the batch for Redis' disk: at a healthy peak half of them have their answer within 15 ms, and have no queue.
    rttFloorMs: 10,
    now: () => performance.now(),
    metrics: shared.metrics,
    loopDelayMs: loopDelay.delayMs,
  });
  return { limiter, concurrency, apiKeys: createApiKeys(config), components: [limiter, loopDelay] };
}

/** Where it goes. */
function createEnds(config: Config, shared: Shared) {
  const { discovery, live, logger, metrics, tokens } = shared;
  const canaryGuard = createCanaryGuard({ ...shared, rules: live.canaries });
  const canary = createCanaryChoice({ rules: live.canaries, guard: canaryGuard });
  const balancers = new Map(names.map((name) => [name, createBalancer(discovery, name)]));
  const balancerOf = (name: string) => balancers.get(name) as Balancer;
  metrics.gauge('gateway_upstream_ejected', 'Instances that are out of rotation', ['upstream', 'instance'], {
    ofWorkers: 'max',
    collect: (gauge) => {
      gauge.reset();
      for (const [upstream, balancer] of balancers)
        for (const { instanceId: instance, ejected } of balancer.states())
          gauge.set({ upstream, instance }, ejected ? 1 : 0);
    },
  });
  const now = () => performance.now();
  const upstreams = createUpstreams({
    names,
    discovery,
    balancerOf,
    breakerOf: (upstream) => createCircuitBreaker({ upstream, now, logger, metrics }),
    budgetOf: () => createRetryBudget({ now }),
    watch: canaryGuard,
    metrics,
  });
  const onward = createOnward({ tokens, trustedHops: config.trustedHops });
  const ask = createAsk({ upstreams, onward, canary, logger });
  const longLived = createLongLived({ limit: config.maxStreams, metrics });
  const webSockets = createWebSockets({ router: live.router, balancerOf, onward, canary, longLived });
  const cache = createResponseCache({ maxBytes: config.cacheMaxBytes, logger, metrics });
  const client = createGrpcClient({
    ...shared,
    service: 'seckill-service',
    definition: seckillService,
    errors,
  });
  const streams = createBuyStreams({
    ...shared,
    client,
    watch: canaryGuard,
  });
  const call = createCall({
    ask,
    cache,
    cachedRead: createCachedRead({ cache, ask, canary }),
    once: createOnce({ ask, idempotency: createIdempotency(shared) }),
  });
  return {
    webSockets,
    longLived,
    byKind: {
      call,
      buy: createBuy({ streams, canary }),
      sse: createServerEvents({ ask, longLived }),
      websocket: webSockets.end,
    },
    components: [
      canaryGuard,
      client,
      upstreams,
      streams,
      ...purgesOf(cache, config, shared),
    ] satisfies Component[],
  };
}

function purgesOf(cache: ResponseCache, config: Config, shared: Shared): Component[] {
  const { kafkaBrokers: brokers, namespace } = config;
  if (brokers.length === 0) return [];
  const broker = createKafkaBroker({ brokers, namespace, clientId: service, ...shared });
  return [createCachePurge({ broker, cache, ...shared })];
}
