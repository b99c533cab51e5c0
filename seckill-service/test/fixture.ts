import { createKeys } from '@onrush/chassis/redis';
import { serve } from '@onrush/chassis/grpc-server';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { admin } from '@onrush/chassis/testing/service';
import { productService } from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { createActivityRepository } from '../src/data/activity-repository';
import { ActivityTable } from '../src/data/activity-table';
import { createBucketedSales } from '../src/data/bucketed-sales';
import { createBuckets } from '../src/data/buckets';
import { createLiveSales, type LiveSales } from '../src/data/live-sale';
import { createStockMoves } from '../src/data/stock-moves';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

export interface Fixture extends ServiceFixture<Config> {
  sales: LiveSales;
  products: FakeProducts;
  /** An open activity. */
  openActivity(changes?: Record<string, unknown>): Promise<string>;
}

/** What product-service would do. */
export interface FakeProducts {
  reserved: Map<string, number>;
  /** Of the last resize, by activity. */
  revisions: Map<string, number>;
  onSale: boolean;
  stock: number;
  /** Reserves nothing and changes no reservation. */
  isAway: boolean;
}

export async function startFixture(label: string, changes: Partial<Config> = {}): Promise<Fixture> {
  const products: FakeProducts = {
    reserved: new Map(),
    revisions: new Map(),
    onSale: true,
    stock: 1_000_000,
    isAway: false,
  };
  const fixture = await startServiceFixture<Config>({
    service: 'seckill-service',
    label,
    createApp,
    migrations,
    entities: [ActivityTable],
    errors,
    config: {
      role: 'all',
      buyBatchSize: 500,
      buyQueueLimit: 50_000,
      relayBatchSize: 2_000,
      relayClaimIdleMs: 500,
      // Nobody resumes what a test has interrupted, unless it asks for it.
      operationResumeMs: 600_000,
      purchaseTokenSecret: 'of the tests, and thirty-two characters long',
      purchaseTokenSeconds: 60,
      challenge: { kind: 'none' },
      tokenVelocity: {},
      // Nobody warms up what a test has planned, unless it asks for it.
      warmUpMinutes: 0,
      guardMs: 200,
      // Nobody repairs what a test has put out of order, unless it asks for it.
      reconcileSeconds: 3_600,
      handOverMs: 300,
      keptPurchasesLimit: 200_000,
      republishAfterSeconds: 3_600,
      backlogLimit: 500_000,
      stockBuckets: 1,
      soldOutTtlMs: 1_000,
      resultStreamLimit: 100,
      resultStreamSeconds: 900,
      resultHeartbeatMs: 15_000,
      resultCheckMs: 5_000,
      admissionTickMs: 50,
      adaptiveAdmission: { least: 20, most: 5_000, backlog: 2_000 },
      queueTellMs: 100,
      ...changes,
    },
    fakes: { 'product-service': playProducts(products) },
  });
  const { redis } = fixture.redis;
  const keys = createKeys(fixture.namespace, 'seckill');
  const sales = createBucketedSales({
    sales: createLiveSales({ redis, hot: redis, keys }),
    buckets: createBuckets({ activities: createActivityRepository(fixture.db) }),
    moves: createStockMoves({ redis, keys }),
    hot: redis,
    keys,
    logger: silentLogger,
  });
  return {
    ...fixture,
    sales,
    products,
    async openActivity(wanted = {}) {
      const body = activityBody(wanted);
      const plan = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
        user: admin,
        body,
      });
      if (plan.status !== 201) throw new Error(`the activity was refused: ${JSON.stringify(plan.body)}`);
      const { id } = plan.body.data;
      const warm = await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });
      if (warm.status !== 200) throw new Error(`the warm-up was refused: ${JSON.stringify(warm.body)}`);
      return id;
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

const playProducts = (state: FakeProducts) =>
  serve(productService, {
    GetProducts: {
      allow: ['seckill-service'],
      unary: ({ productIds }) => {
        const status = state.onSale ? 'ON_SALE' : 'OFF_SALE';
        const known = productIds.filter((id) => id === '77');
        return Promise.resolve({
          products: known.map((id) => ({ id, name: 'Ticket', price: 12_800, stock: state.stock, status })),
        });
      },
    },
    ReserveStock: {
      allow: ['seckill-service'],
      unary: ({ orderId, lines }) => {
        const wanted = lines.reduce((sum, line) => sum + line.quantity, 0);
        if (state.isAway) throw errors.unavailable();
        if (wanted > state.stock) throw errors.soldOut();
        const known = state.reserved.get(orderId);
        if (known !== undefined && known !== wanted) throw errors.productNotForSale();
        state.reserved.set(orderId, wanted);
        return Promise.resolve({ changed: known === undefined });
      },
    },
    ResizeReservation: {
      allow: ['seckill-service'],
      unary: (request) => Promise.resolve({ changed: resizeReservation(state, request) }),
    },
  });

/** A revision counts once, and one that was refused stays refused. */
function resizeReservation(
  state: FakeProducts,
  { orderId, quantity, revision }: { orderId: string; quantity: number; revision: number },
): boolean {
  const held = state.reserved.get(orderId);
  const last = state.revisions.get(orderId) ?? 0;
  if (state.isAway) throw errors.unavailable();
  if (held === undefined) throw errors.notFound();
  if (revision < last || (revision === last && held === quantity)) return false;
  if (revision === last || quantity - held > state.stock) {
    state.revisions.set(orderId, revision);
    throw errors.soldOut();
  }
  state.revisions.set(orderId, revision);
  state.reserved.set(orderId, quantity);
  return true;
}
