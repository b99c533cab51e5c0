import type { ServiceDefinition } from '@grpc/grpc-js';
import type { DataSource, EntitySchema } from 'typeorm';
import { createStaticDiscovery, type StaticInstance } from '../discovery';
import type { CommonErrors, serviceDigits } from '../errors';
import { createGrpcClient, type GrpcClient } from '../grpc-client';
import { createGrpcServer, type GrpcServer, type ServedService } from '../grpc-server';
import { createMetrics } from '../metrics';
import type { MigrationClass } from '../mysql';
import type { App, Runtime } from '../service';
import { createTestBroker, type TestBroker } from './broker';
import { createTestDatabase } from './database';
import { infrastructure, testNamespace } from './infrastructure';
import { silentLogger } from './logger';
import { metricOf } from './metrics';
import { createTestRedis, type TestRedis } from './redis';
import { createTestHttpClient, freePort, startTestService, type TestHttpClient } from './service';
import { createTestTokens, type TestTokens } from './tokens';

type ServiceName = keyof typeof serviceDigits;

export interface ServiceFixture<C> {
  /** Speaks to the service as the gateway does. */
  http: TestHttpClient;
  /** Speaks gRPC to it as `caller`. */
  clientAs<D extends ServiceDefinition>(caller: ServiceName, definition: D): GrpcClient<D>;
  tokens: TestTokens;
  config: C;
  namespace: string;
  db: DataSource;
  redis: TestRedis;
  kafka: TestBroker;
  /** What a scrape of the service would say of the first series with these labels. */
  metric(name: string, labels?: Record<string, string>): Promise<number | undefined>;
  /** Stops the service and starts it again, on the same ports and data. */
  restart(changes?: Partial<C>): Promise<void>;
  stopService(): Promise<void>;
  stop(): Promise<void>;
}

export interface FixtureOptions<C> {
  service: ServiceName;
  label: string;
  createApp: (config: C, runtime: Runtime) => App;
  migrations: MigrationClass[];
  entities?: EntitySchema[];
  errors: CommonErrors;
  /** What its configuration has beyond the common keys. */
  config: Partial<C>;
  /** Other services, played at their gRPC port. */
  fakes?: Partial<Record<ServiceName, ServedService>>;
}

/** The real service on real servers, with a schema, keys, topics and ports of the test file's own; only other services are played. */
export async function startServiceFixture<C extends object>(
  options: FixtureOptions<C>,
): Promise<ServiceFixture<C>> {
  const { service, label, errors } = options;
  const namespace = testNamespace(label);
  const servers = infrastructure();
  const tokens = createTestTokens();
  const { migrations, entities = [] } = options;
  const [database, redis, kafka, fakes] = await Promise.all([
    createTestDatabase(label, { entities, migrations }),
    createTestRedis(namespace),
    createTestBroker(namespace),
    startFakes(options.fakes ?? {}, tokens, errors),
  ]);
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const config = {
    namespace,
    host: '127.0.0.1',
    httpPort,
    grpcPort,
    managementPort: 0,
    advertiseAddress: '127.0.0.1',
    serviceVersion: '0.1.0',
    canary: false,
    logLevel: 'silent',
    drainDelayMs: 0,
    discovery: 'static',
    consulHttpAddr: servers.consulAddress,
    staticServices: fakes.instances,
    ...tokens.files(service),
    mysqlUrl: database.url,
    mysqlType: database.type,
    mysqlPoolSize: 8,
    redisUrl: servers.redisUrl,
    kafkaBrokers: servers.kafkaBrokers,
    ...options.config,
  } as C;
  let running = await startTestService(options.createApp, config);
  const clients: GrpcClient<ServiceDefinition>[] = [];

  return {
    http: createTestHttpClient({ port: httpPort, service, tokens }),
    clientAs(caller, definition) {
      const discovery = createStaticDiscovery({
        [service]: [{ address: '127.0.0.1', http_port: httpPort, grpc_port: grpcPort }],
      });
      const metrics = createMetrics({ service: 'test' });
      const client = createGrpcClient({
        service,
        definition,
        discovery,
        tokens: tokens.of(caller),
        errors,
        metrics,
      });
      clients.push(client);
      return client;
    },
    tokens,
    config,
    namespace,
    db: database.db,
    redis,
    kafka,
    metric: (name, labels) => metricOf(running.metrics, name, labels),
    async restart(changes = {}) {
      await running.stop();
      running = await startTestService(options.createApp, { ...config, ...changes });
    },
    stopService: () => running.stop(),
    async stop() {
      await Promise.all(clients.map((client) => client.stop()));
      await running.stop();
      await Promise.all([fakes.stop(), kafka.cleanup(), redis.cleanup()]);
      await database.drop();
    },
  };
}

async function startFakes(
  fakes: Partial<Record<ServiceName, ServedService>>,
  tokens: TestTokens,
  errors: CommonErrors,
) {
  const servers: GrpcServer[] = [];
  const instances: Record<string, StaticInstance[]> = {};
  for (const [name, served] of Object.entries(fakes)) {
    const server = createGrpcServer({
      host: '127.0.0.1',
      port: 0,
      services: [served],
      tokens: tokens.of(name),
      errors,
      logger: silentLogger,
      metrics: createMetrics({ service: name }),
    });
    await server.start();
    servers.push(server);
    instances[name] = [{ address: '127.0.0.1', http_port: 0, grpc_port: server.port() }];
  }
  return { instances, stop: () => Promise.all(servers.map((server) => server.stop())) };
}
