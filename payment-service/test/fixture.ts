import { createHmac } from 'node:crypto';
import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { newEvent } from '@onrush/chassis/message-broker';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { buyer, type Answer } from '@onrush/chassis/testing/service';
import { orderCancelled, orderService } from '@onrush/proto';
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

export interface Fixture extends ServiceFixture<Config> {
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
  rows<T = Record<string, unknown>>(sql: string, parameters?: unknown[]): Promise<T[]>;
}

/** The real service on real servers; only order-service is played, at its gRPC port. */
export async function startFixture(label: string, changes: Partial<Config> = {}): Promise<Fixture> {
  const orders = new Map<string, PlayedOrder>();
  const fixture = await startServiceFixture<Config>({
    service: 'payment-service',
    label,
    createApp,
    migrations,
    errors,
    config: { mockPaymentSecret: secret, publicUrl: 'http://shop.test', ...changes },
    fakes: { 'order-service': playedOrders(orders) },
  });
  return { ...fixture, orders, ...actionsOf(fixture, orders) };
}

type Actions = Omit<Fixture, keyof ServiceFixture<Config> | 'orders'>;

function actionsOf({ http, kafka, db }: ServiceFixture<Config>, orders: Map<string, PlayedOrder>): Actions {
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
      const headers = { 'x-mock-signature': signature ?? sign(rawBody) };
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
    rows: (sql, parameters = []) => db.query(sql, parameters),
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

/** Events with the same key are handled in their order. */
export const cancelledEvent = (orderId: string, key = orderId) =>
  newEvent(orderCancelled, key, {
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

/** Somebody in our schema waits for a lock. The server renews what it says only for those who ask less often than every 100 ms. */
export const waitingForLock = `SELECT trx_id FROM information_schema.innodb_trx JOIN information_schema.processlist
  ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()`;

const playedOrders = (orders: Map<string, PlayedOrder>): ServedService =>
  serve(orderService, {
    GetOrder: {
      allow: ['payment-service'],
      unary: ({ orderId, userId }) => {
        const order = orders.get(orderId);
        if (order?.userId !== userId) return Promise.reject(errors.orderNotFound());
        return Promise.resolve({
          ...order,
          id: orderId,
          orderNo: orderId,
          kind: 'ORDINARY',
          currency: 'CNY',
          expiresAt: order.expiresAt.toISOString(),
        });
      },
    },
  });
