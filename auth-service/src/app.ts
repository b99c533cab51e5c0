import type { DataSource } from 'typeorm';
import { createEdge } from '@onrush/chassis/edge';
import { createGrpcClient } from '@onrush/chassis/grpc-client';
import { internalTokensFromFiles } from '@onrush/chassis/internal-tokens';
import { createDataSource } from '@onrush/chassis/mysql';
import { createKeys, createRedis } from '@onrush/chassis/redis';
import { createIds, databaseComponent, redisComponent } from '@onrush/chassis/resources';
import type { App, Runtime } from '@onrush/chassis/service';
import { createDiscovery } from '@onrush/chassis/service-discovery';
import { userService } from '@onrush/proto';
import { createUsers } from './clients/users';
import type { Config } from './config';
import { createFeed } from './data/feed';
import { createIpRuleList } from './data/ip-rule-list';
import { createLoginFailures } from './data/login-failures';
import { createRefreshTokens } from './data/refresh-tokens';
import { createRevocationLog } from './data/revocation-log';
import { createSigningKeys } from './data/signing-keys';
import { errors } from './errors';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';

const service = 'auth-service';

export function createApp(config: Config, runtime: Runtime): App {
  const { logger, metrics } = runtime;
  const { mysqlUrl: url, mysqlType: type, mysqlPoolSize: poolSize } = config;
  const db = createDataSource({ url, type, poolSize, entities: [], metrics });
  const redis = createRedis({ url: config.redisUrl, name: service, logger, metrics });
  const redisKeys = createKeys(config.namespace, 'auth');
  const ids = createIds({ redis, keys: redisKeys, logger, errors });
  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const client = createGrpcClient({
    service: 'user-service',
    definition: userService,
    discovery,
    tokens,
    errors,
    ...runtime,
  });
  const keys = createSigningKeys({
    db,
    secret: config.keyEncryptionSecret,
    lifeSeconds: config.accessTokenSeconds,
    ...runtime,
  });
  const deps = {
    db,
    ids,
    keys,
    users: createUsers(client),
    tokens: createRefreshTokens(config.keyEncryptionSecret),
    failures: createLoginFailures({ redis, keys: redisKeys, limit: config.loginFailureLimit }),
    accessTokenSeconds: config.accessTokenSeconds,
    logger,
  };
  const feeds = createFeeds(db, runtime);
  const edge = createEdge({
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [grpcHandlers(feeds)],
    tokens,
    discovery,
    ...runtime,
  });
  return {
    components: [
      databaseComponent(db),
      redisComponent(redis),
      ids,
      keys,
      discovery,
      client,
      ...edge.components,
      // Last, and so the first to stop: a server waits for its streams.
      feeds.revocations,
      feeds.ipRules,
    ],
    openApi: edge.openApi,
  };
}

/** What gateways hear, within a second: each polls as often as that needs. */
const createFeeds = (db: DataSource, runtime: Runtime) => ({
  revocations: createFeed({
    name: 'revocations',
    source: createRevocationLog({ db }),
    everyMs: 100,
    ...runtime,
  }),
  ipRules: createFeed({ name: 'ip rules', source: createIpRuleList({ db }), everyMs: 500, ...runtime }),
});
