import { Agent, createServer } from 'node:http';
import { createGrpcClient } from '@onrush/chassis/grpc-client';
import { listening, serverLimits } from '@onrush/chassis/http-server';
import { internalTokensFromFiles } from '@onrush/chassis/internal-tokens';
import { createKeys, createRedis } from '@onrush/chassis/redis';
import type { Component } from '@onrush/chassis/lifecycle';
import { redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createDiscovery } from '@onrush/chassis/service-discovery';
import { seckillService } from '@onrush/proto';
import { createAuthenticator } from './authenticate';
import { createBuyStreams } from './buy-streams';
import type { Config } from './config';
import { errors } from './errors';
import { activityToBuy, createHotBuy } from './hot-buy';
import { createPublicApp } from './public-app';
import { createLiveSettings } from './live-settings';
import { createRateLimiter } from './rate-limiter';

const service = 'gateway';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger } = runtime;
  const { trustedHops, corsOrigins, bodyLimitBytes } = config;
  const redis = createRedis({ url: config.redisUrl, name: service, logger });
  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const authenticator = createAuthenticator({ discovery, tokens, logger });
  const live = createLiveSettings(config, runtime);
  const limiter = createRateLimiter({
    redis,
    keys: createKeys(config.namespace, service),
    limits: live.rateLimits,
    ...runtime,
  });
  const client = createGrpcClient({
    service: 'seckill-service',
    definition: seckillService,
    discovery,
    tokens,
    errors,
    ...runtime,
  });
  const streams = createBuyStreams({ client, discovery, timeoutMs: config.buyTimeoutMs, ...runtime });

  const agent = new Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 64 });
  const { canaryHeaderEnabled } = live;
  const shared = { authenticator, limiter, corsOrigins, canaryHeaderEnabled, ...runtime };
  const publicApp = createPublicApp({ ...shared, agent, discovery, tokens, trustedHops, bodyLimitBytes });
  const buy = createHotBuy({ ...shared, streams });
  const server = createServer(serverLimits, (request, response) => {
    const activityId = activityToBuy(request);
    if (activityId === undefined) publicApp(request, response);
    else buy(request, response, activityId);
  });
  server.maxHeadersCount = 100;
  const http = listening('public http server', server, { host: config.host, port: config.httpPort });
  const upstreamConnections: Component = {
    name: 'connections to upstreams',
    start: () => Promise.resolve(),
    stop: () => {
      agent.destroy();
      return Promise.resolve();
    },
  };
  return {
    components: [
      redisComponent(redis),
      discovery,
      live,
      client,
      authenticator,
      streams,
      upstreamConnections,
      http,
    ],
  };
}
