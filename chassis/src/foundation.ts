import type { ServiceDefinition } from '@grpc/grpc-js';
import type { Redis } from 'ioredis';
import type { DataSource, EntitySchema } from 'typeorm';
import type { Discovery } from './discovery';
import type { CommonErrors, serviceDigits } from './errors';
import { createGrpcClient, type GrpcClient } from './grpc-client';
import { internalTokensFromFiles, type InternalTokens } from './internal-tokens';
import { createKafkaBroker } from './kafka-broker';
import type { Component } from './lifecycle';
import type { MessageBroker } from './message-broker';
import { createDataSource } from './mysql';
import { createOutbox, type Outbox } from './outbox';
import { createKeys, createRedis, type Keys } from './redis';
import { createIds, databaseComponent, redisComponent } from './resources';
import type { Runtime } from './service';
import { createDiscovery } from './service-discovery';
import type { Snowflake } from './snowflake';

type DiscoveryConfig = Parameters<typeof createDiscovery>[0];

export interface FoundationConfig extends DiscoveryConfig {
  mysqlUrl: string;
  mysqlType: 'mysql' | 'mariadb';
  mysqlPoolSize: number;
  redisUrl: string;
  kafkaBrokers: string[];
  internalJwks: string;
  internalPrivateKey: string;
}

/** What every service with a schema stands on. */
export interface Foundation {
  db: DataSource;
  redis: Redis;
  keys: Keys;
  broker: MessageBroker;
  outbox: Outbox;
  ids: Snowflake;
  tokens: InternalTokens;
  discovery: Discovery;
  /** A client of another service; it belongs to the components of whoever asks for it. */
  clientOf<D extends ServiceDefinition>(service: string, definition: D): GrpcClient<D>;
  /** All of it in start order. */
  components: Component[];
  /** The same without what speaks to Kafka, for a process that has no events. */
  componentsWithoutMessaging: Component[];
}

export function createFoundation(
  service: keyof typeof serviceDigits,
  config: FoundationConfig,
  runtime: Runtime,
  own: { errors: CommonErrors; entities?: EntitySchema[] },
): Foundation {
  const { logger, metrics } = runtime;
  const { mysqlUrl: url, mysqlType: type, mysqlPoolSize: poolSize } = config;
  const db = createDataSource({ url, type, poolSize, entities: own.entities ?? [], metrics });
  const redis = createRedis({ url: config.redisUrl, name: service, logger, metrics });
  const keys = createKeys(config.namespace, service.replace('-service', ''));
  const broker = createKafkaBroker({
    brokers: config.kafkaBrokers,
    clientId: service,
    namespace: config.namespace,
    ...runtime,
  });
  const outbox = createOutbox({ db, broker, ...runtime });
  const ids = createIds({ redis, keys, logger, errors: own.errors });
  const tokens = internalTokensFromFiles(service, config);
  const discovery = createDiscovery(config, logger);
  const stores = [databaseComponent(db), redisComponent(redis), ids];
  return {
    db,
    redis,
    keys,
    broker,
    outbox,
    ids,
    tokens,
    discovery,
    clientOf: (callee, definition) =>
      createGrpcClient({ service: callee, definition, discovery, tokens, errors: own.errors, ...runtime }),
    components: [...stores, broker, outbox, discovery],
    componentsWithoutMessaging: [...stores, discovery],
  };
}
