import { createGrpcServer, serve, type GrpcServer } from '@onrush/chassis/grpc-server';
import { createMetrics } from '@onrush/chassis/metrics';
import { createTestBroker, type TestBroker } from '@onrush/chassis/testing/broker';
import { createTestDatabase, type TestDatabase } from '@onrush/chassis/testing/database';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import {
  admin,
  createTestHttpClient,
  freePort,
  startTestService,
  type TestHttpClient,
} from '@onrush/chassis/testing/service';
import { createTestTokens, type TestTokens } from '@onrush/chassis/testing/tokens';
import { productService } from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { ActivityTable } from '../src/data/activity-table';
import { createLiveSales, type LiveSales } from '../src/data/live-sale';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

export interface Fixture {
  http: TestHttpClient;
  tokens: TestTokens;
  config: Config;
  database: TestDatabase;
  redis: TestRedis;
  kafka: TestBroker;
  sales: LiveSales;
  products: FakeProducts;
  /** Stops and starts the service, on the same ports and data. */
  restart(changes?: Partial<Config>): Promise<void>;
  stopService(): Promise<void>;
  /** An open activity. */
  openActivity(changes?: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
}

/** The real service on real servers; only product-service is played, at its gRPC port. */
export async function startFixture(label: string, changes: Partial<Config> = {}): Promise<Fixture> {
  const namespace = testNamespace(label);
  const servers = infrastructure();
  const tokens = createTestTokens();
  const [database, redis, kafka, products] = await Promise.all([
    createTestDatabase(label, { entities: [ActivityTable], migrations }),
    createTestRedis(namespace),
    createTestBroker(namespace),
    startFakeProducts(tokens),
  ]);
  const config: Config = {
    namespace,
    host: '127.0.0.1',
    httpPort: await freePort(),
    grpcPort: await freePort(),
    managementPort: 0,
    advertiseAddress: '127.0.0.1',
    serviceVersion: '0.1.0',
    canary: false,
    logLevel: 'silent',
    drainDelayMs: 0,
    discovery: 'static',
    consulHttpAddr: servers.consulAddress,
    staticServices: {
      'product-service': [{ address: '127.0.0.1', http_port: 0, grpc_port: products.server.port() }],
    },
    ...tokens.files('seckill-service'),
    mysqlUrl: database.url,
    mysqlType: database.type,
    mysqlPoolSize: 8,
    redisUrl: servers.redisUrl,
    kafkaBrokers: servers.kafkaBrokers,
    buyBatchSize: 500,
    buyQueueLimit: 50_000,
    relayBatchSize: 50,
    relayClaimIdleMs: 500,
    ...changes,
  };
  const http = createTestHttpClient({ port: config.httpPort, service: 'seckill-service', tokens });
  let running = await startTestService(createApp, config);
  const keys = Object.assign((...parts: string[]) => [namespace, 'seckill', ...parts].join(':'), {
    tagged:
      (tag: string) =>
      (...parts: string[]) =>
        [namespace, 'seckill', `{${tag}}`, ...parts].join(':'),
  });

  return {
    http,
    tokens,
    config,
    database,
    redis,
    kafka,
    products,
    sales: createLiveSales({ redis: redis.redis, hot: redis.redis, keys }),
    async restart(again = {}) {
      await running.stop();
      running = await startTestService(createApp, { ...config, ...again });
    },
    stopService: () => running.stop(),
    async openActivity(wanted = {}) {
      const plan = await http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
        user: admin,
        body: activityBody(wanted),
      });
      if (plan.status !== 201) throw new Error(`the activity was refused: ${JSON.stringify(plan.body)}`);
      const { id } = plan.body.data;
      const warm = await http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });
      if (warm.status !== 200) throw new Error(`the warm-up was refused: ${JSON.stringify(warm.body)}`);
      return id;
    },
    async stop() {
      await running.stop();
      await Promise.all([products.server.stop(), kafka.cleanup(), redis.cleanup()]);
      await database.drop();
    },
  };
}

export const activityBody = (changes: Record<string, unknown> = {}) => ({
  title: 'Test sale',
  product_id: '77',
  total: 100,
  per_user_limit: 1,
  starts_at: new Date(Date.now() - 60_000).toISOString(),
  ends_at: new Date(Date.now() + 3_600_000).toISOString(),
  ...changes,
});

export interface FakeProducts {
  server: GrpcServer;
  /** What was reserved, by activity. */
  reserved: Map<string, number>;
  onSale: boolean;
  stock: number;
}

async function startFakeProducts(tokens: TestTokens): Promise<FakeProducts> {
  const state: Omit<FakeProducts, 'server'> = { reserved: new Map(), onSale: true, stock: 1_000_000 };
  const service = serve(productService, {
    GetProducts: {
      allow: ['seckill-service'],
      unary: ({ productIds }) =>
        Promise.resolve({
          products: productIds
            .filter((id) => id === '77')
            .map((id) => ({
              id,
              name: 'Ticket',
              price: 12_800,
              stock: state.stock,
              status: state.onSale ? 'ON_SALE' : 'OFF_SALE',
            })),
        }),
    },
    ReserveStock: {
      allow: ['seckill-service'],
      unary: ({ orderId, lines }) => {
        const wanted = lines.reduce((sum, line) => sum + line.quantity, 0);
        if (wanted > state.stock) throw errors.soldOut();
        const changed = !state.reserved.has(orderId);
        state.reserved.set(orderId, wanted);
        return Promise.resolve({ changed });
      },
    },
  });
  const server = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: tokens.of('product-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'product-service' }),
  });
  await server.start();
  return Object.assign(state, { server });
}
