import { createHmac } from 'node:crypto';
import { createGrpcClient, type GrpcClient } from '@onrush/chassis/grpc-client';
import { createGrpcServer, serve, type GrpcServer } from '@onrush/chassis/grpc-server';
import { createMetrics } from '@onrush/chassis/metrics';
import { newEvent } from '@onrush/chassis/message-broker';
import { createStaticDiscovery } from '@onrush/chassis/discovery';
import { createTestBroker, type TestBroker } from '@onrush/chassis/testing/broker';
import { createTestDatabase, type TestDatabase } from '@onrush/chassis/testing/database';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis } from '@onrush/chassis/testing/redis';
import {
  buyer,
  createTestHttpClient,
  freePort,
  startTestService,
  type Answer,
  type TestHttpClient,
} from '@onrush/chassis/testing/service';
import { createTestTokens, type TestTokens } from '@onrush/chassis/testing/tokens';
import { orderCancelled, orderService, paymentService } from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

const secret = 'a-secret-for-tests-only';

/** What order-service would answer, by order id. */
export interface PlayedOrder {
  userId: string;
  status: string;
  totalAmount: number;
  expiresAt: Date;
}

export interface CreatedPayment {
  id: string;
  payment_no: string;
  order_id: string;
  channel: string;
  amount: number;
  currency: string;
  status: string;
  pay_url: string;
  qr_code: string;
  expires_at: string;
}

export interface Fixture {
  http: TestHttpClient;
  config: Config;
  tokens: TestTokens;
  database: TestDatabase;
  kafka: TestBroker;
  orders: Map<string, PlayedOrder>;
  /** A CREATED order of user 7, and its id. */
  placeOrder(changes?: Partial<PlayedOrder>): string;
  create(orderId: string, options?: { user?: number; key?: string }): Promise<Answer<CreatedPayment>>;
  /** A pending payment of a new order. */
  pending(): Promise<CreatedPayment>;
  /** What the mock provider sends, signed unless told otherwise; answers with status and text. */
  callback(report: object | string, signature?: string): Promise<{ status: number; text: string }>;
  status(payment: { id: string }, user?: number): Promise<Record<string, unknown>>;
  /** As order-service tells it. */
  cancelOrder(orderId: string): Promise<void>;
  clientOf(caller: string): GrpcClient<typeof paymentService>;
  rows<T = Record<string, unknown>>(sql: string, parameters?: unknown[]): Promise<T[]>;
  stop(): Promise<void>;
}

/** The real service on real servers; only order-service is played, at its gRPC port. */
export async function startFixture(label: string, changes: Partial<Config> = {}): Promise<Fixture> {
  const namespace = testNamespace(label);
  const tokens = createTestTokens();
  const orders = new Map<string, PlayedOrder>();
  const [database, redis, kafka, orderServer] = await Promise.all([
    createTestDatabase(label, { entities: [], migrations }),
    createTestRedis(namespace),
    createTestBroker(namespace),
    startPlayedOrders(tokens, orders),
  ]);
  const made = { namespace, tokens, database, orderPort: orderServer.port() };
  const config = { ...(await configOf(made)), ...changes };
  const http = createTestHttpClient({ port: config.httpPort, service: 'payment-service', tokens });
  const service = await startTestService(createApp, config);
  const clients: GrpcClient<typeof paymentService>[] = [];
  const actions = actionsOf({ http, orders, config, kafka });

  return {
    http,
    config,
    tokens,
    database,
    kafka,
    orders,
    ...actions,
    clientOf(caller) {
      const client = clientOf(caller, { tokens, port: config.grpcPort });
      clients.push(client);
      return client;
    },
    rows: (sql, parameters = []) => database.db.query(sql, parameters),
    async stop() {
      await Promise.all(clients.map((client) => client.stop()));
      await service.stop();
      await Promise.all([orderServer.stop(), kafka.cleanup(), redis.cleanup()]);
      await database.drop();
    },
  };
}

type Actions = Pick<Fixture, 'placeOrder' | 'create' | 'pending' | 'callback' | 'status' | 'cancelOrder'>;

function actionsOf({
  http,
  orders,
  config,
  kafka,
}: Pick<Fixture, 'http' | 'orders' | 'config' | 'kafka'>): Actions {
  let lastOrder = 1_000;
  const actions: Actions = {
    placeOrder(changes = {}) {
      const id = String((lastOrder += 1));
      const expiresAt = new Date(Date.now() + 900_000);
      orders.set(id, { userId: '7', status: 'CREATED', totalAmount: 12_800, expiresAt, ...changes });
      return id;
    },
    create: (orderId, { user = 7, key = `key-${orderId}` } = {}) =>
      http.call('POST /api/v1/payment/create', {
        user: buyer(user),
        body: { order_id: orderId, channel: 'mock' },
        headers: { 'idempotency-key': key },
      }),
    async pending() {
      const answer = await actions.create(actions.placeOrder());
      if (answer.status !== 201) throw new Error(`refused: ${JSON.stringify(answer.body)}`);
      return answer.body.data;
    },
    async callback(report, signature) {
      const rawBody = typeof report === 'string' ? report : JSON.stringify(report);
      const headers = { 'x-mock-signature': signature ?? sign(rawBody, config.mockPaymentSecret) };
      const answer = await http.call('POST /api/v1/payment/callback/mock', { rawBody, headers });
      return { status: answer.status, text: answer.body as unknown as string };
    },
    async status({ id }, user = 7) {
      const answer = await http.call<Record<string, unknown>>(`GET /api/v1/payment/${id}/status`, {
        user: buyer(user),
      });
      return answer.body.data;
    },
    cancelOrder: (orderId) => kafka.broker.publish([cancelledEvent(orderId)]),
  };
  return actions;
}

export const sign = (body: string, key = secret): string =>
  createHmac('sha256', key).update(body).digest('hex');

export const reportOf = (payment: CreatedPayment, changes: object = {}) => ({
  payment_no: payment.payment_no,
  trade_no: `T${payment.payment_no}`,
  amount: payment.amount,
  currency: 'CNY',
  status: 'SUCCESS',
  paid_at: new Date().toISOString(),
  ...changes,
});

export const cancelledEvent = (orderId: string) =>
  newEvent(orderCancelled, orderId, {
    order_id: orderId,
    order_no: orderId,
    user_id: '7',
    kind: 'ORDINARY',
    total_amount: 12_800,
    currency: 'CNY',
    reservation_id: null,
    activity_id: null,
    items: [],
    reason: 'by-user',
    at: new Date().toISOString(),
  });

async function configOf(made: {
  namespace: string;
  tokens: TestTokens;
  database: TestDatabase;
  orderPort: number;
}): Promise<Config> {
  const servers = infrastructure();
  return {
    namespace: made.namespace,
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
    staticServices: { 'order-service': [{ address: '127.0.0.1', http_port: 0, grpc_port: made.orderPort }] },
    ...made.tokens.files('payment-service'),
    mysqlUrl: made.database.url,
    mysqlType: made.database.type,
    mysqlPoolSize: 8,
    redisUrl: servers.redisUrl,
    kafkaBrokers: servers.kafkaBrokers,
    mockPaymentSecret: secret,
    publicUrl: 'http://shop.test',
  };
}

async function startPlayedOrders(tokens: TestTokens, orders: Map<string, PlayedOrder>): Promise<GrpcServer> {
  const service = serve(orderService, {
    GetOrder: {
      allow: ['payment-service'],
      unary: ({ orderId, userId }) => {
        const order = orders.get(orderId);
        if (order?.userId !== userId) return Promise.reject(errors.orderNotFound());
        const expiresAt = order.expiresAt.toISOString();
        return Promise.resolve({
          ...order,
          id: orderId,
          orderNo: orderId,
          kind: 'ORDINARY',
          currency: 'CNY',
          expiresAt,
        });
      },
    },
  });
  const server = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: tokens.of('order-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'order-service' }),
  });
  await server.start();
  return server;
}

const clientOf = (caller: string, { tokens, port }: { tokens: TestTokens; port: number }) =>
  createGrpcClient({
    service: 'payment-service',
    definition: paymentService,
    discovery: createStaticDiscovery({
      'payment-service': [{ address: '127.0.0.1', http_port: 0, grpc_port: port }],
    }),
    tokens: tokens.of(caller),
    errors,
    metrics: createMetrics({ service: caller }),
  });
