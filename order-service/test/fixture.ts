import { serve } from '@onrush/chassis/grpc-server';
import { newEvent } from '@onrush/chassis/message-broker';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { paymentService, productService, seckillReserved, type SeckillReserved } from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

export interface OrderView {
  id: string;
  order_no: string;
  status: string;
  kind: string;
  total_amount: number;
  cancel_reason: string | null;
  items: { product_id: string; name: string; price: number; quantity: number }[];
  history: { from: string | null; to: string; by: string }[];
}

/** What product-service would do: product 1 is on sale, 2 is not, and 3 is short of stock. */
export interface FakeProducts {
  reserved: string[];
  released: string[];
  /** Called before a reservation is answered. */
  beforeReserve: () => Promise<void>;
  /** Called before a release is answered. */
  beforeRelease: () => void;
}

export interface Fixture extends ServiceFixture<Config> {
  products: FakeProducts;
  reserve(changes?: Partial<SeckillReserved>): SeckillReserved;
  publishReserved(...reservations: SeckillReserved[]): Promise<void>;
  count(table: string, condition?: string): Promise<number>;
}

let nextNumber = 700_000_000_000_000_000n;
const number = () => String(nextNumber++);

export async function startFixture(label: string, config: Partial<Config> = {}): Promise<Fixture> {
  const products: FakeProducts = {
    reserved: [],
    released: [],
    beforeReserve: () => Promise.resolve(),
    beforeRelease: () => undefined,
  };
  const fixture = await startServiceFixture<Config>({
    service: 'order-service',
    label,
    createApp,
    migrations,
    errors,
    config: { orderPaymentTimeoutSeconds: 900, orderSweepSeconds: 1, sagaStaleSeconds: 1, ...config },
    fakes: { 'product-service': playProducts(products), 'payment-service': playPayments },
  });
  return {
    ...fixture,
    products,
    reserve: (changes = {}) => ({
      reservation_id: number(),
      activity_id: '5',
      user_id: '1',
      order_no: number(),
      product_id: '1',
      product_name: 'Ticket',
      price: 12_800,
      quantity: 1,
      payment_timeout_seconds: 900,
      reserved_at: new Date().toISOString(),
      ...changes,
    }),
    publishReserved: (...reservations) =>
      fixture.kafka.broker.publish(
        reservations.map((reservation) => newEvent(seckillReserved, reservation.reservation_id, reservation)),
      ),
    async count(table, condition = '1 = 1') {
      const [row] = await fixture.db.query<{ n: string }[]>(
        `SELECT COUNT(*) AS n FROM ${table} WHERE ${condition}`,
      );
      return Number(row?.n);
    },
  };
}

const playProducts = (state: FakeProducts) =>
  serve(productService, {
    GetProducts: {
      allow: ['order-service'],
      unary: ({ productIds }) =>
        Promise.resolve({
          products: productIds.map((id) => ({
            id,
            name: `Product ${id}`,
            price: 500,
            stock: 10,
            status: id === '2' ? 'OFF_SALE' : 'ON_SALE',
          })),
        }),
    },
    ReserveStock: {
      allow: ['order-service'],
      unary: async ({ orderId, lines }) => {
        await state.beforeReserve();
        if (lines.some((line) => line.productId === '3')) throw errors.stockShort();
        state.reserved.push(orderId);
        return { changed: true };
      },
    },
    ReleaseStock: {
      allow: ['order-service'],
      unary: ({ orderId }) => {
        state.beforeRelease();
        state.released.push(orderId);
        return Promise.resolve({ changed: true });
      },
    },
  });

const playPayments = serve(paymentService, {
  CreatePayment: {
    allow: ['order-service'],
    unary: ({ orderId, channel }) =>
      Promise.resolve({
        id: '9',
        paymentNo: 'P9',
        orderId,
        channel,
        amount: 12_800,
        currency: 'CNY',
        status: 'PENDING',
        payUrl: 'http://pay',
        qrCode: 'mockpay://P9',
        expiresAt: '2027-01-01T00:00:00.000Z',
      }),
  },
});
