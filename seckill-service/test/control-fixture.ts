import { randomUUID } from 'node:crypto';
import { createStaticDiscovery } from '@onrush/chassis/discovery';
import { createGrpcClient } from '@onrush/chassis/grpc-client';
import { createMetrics } from '@onrush/chassis/metrics';
import { createKeys } from '@onrush/chassis/redis';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { admin, buyer, type Answer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { productService } from '@onrush/proto';
import { createProducts } from '../src/clients/products';
import { createActivityRepository } from '../src/data/activity-repository';
import { createBucketedControl } from '../src/data/bucketed-control';
import { createBuckets } from '../src/data/buckets';
import { createSaleControl } from '../src/data/sale-control';
import { createStockMoves } from '../src/data/stock-moves';
import { errors } from '../src/errors';
import type { ControlActivity } from '../src/use-cases/control-activity';
import { startFixture, type Fixture } from './fixture';

export interface ActivityView {
  status: string;
  total: number;
  remaining: number;
  per_user_limit: number;
  version: number;
}

export interface OperationView {
  id: string;
  kind: string;
  delta: number | null;
  limit: number | null;
  reason: string | null;
  by: string;
  status: string;
  refused_because: string | null;
  done_at: string | null;
}

/** What an activity has, everywhere. */
export interface Units {
  reserved: number | undefined;
  total: number;
  sold: number;
  held: number;
  free: number | undefined;
}

export type Verb = 'pause' | 'resume' | 'close' | 'stock';

export interface ControlFixture extends Fixture {
  control(activityId: string, verb: Verb, body?: object, key?: string): Promise<Answer<ActivityView>>;
  change(activityId: string, body: object): Promise<Answer<ActivityView>>;
  view(activityId: string): Promise<ActivityView>;
  operations(activityId: string, query?: string): Promise<OperationView[]>;
  /** Asks again, under the same key, where a busy machine has told it to come back. */
  buy(activityId: string, user: number, quantity?: number): Promise<Answer<{ reservation_id: string }>>;
  /** Once every accepted purchase is in the ledger. */
  unitsAtRest(activityId: string): Promise<Units>;
  units(activityId: string): Promise<Units>;
  loseLiveSale(activityId: string): Promise<void>;
  warmUp(activityId: string): Promise<Answer>;
  /** What the service's use cases stand on, for a test to break. */
  deps: ControlActivity;
}

export async function startControlFixture(label: string): Promise<ControlFixture> {
  // Nobody rebuilds what a test has lost, unless it asks for it.
  const fixture = await startFixture(label, { guardMs: 60_000, handOverMs: 0 });
  const { redis } = fixture.redis;
  const at = (activityId: string, rest = '') => `/api/v1/admin/seckill/activities/${activityId}${rest}`;
  const stateOf = (activityId: string) => fixture.sales.streamOf(activityId).replace(':stream', ':state');
  const metrics = createMetrics({ service: 'test' });
  const client = createGrpcClient({
    service: 'product-service',
    definition: productService,
    discovery: createStaticDiscovery(fixture.config.staticServices),
    tokens: fixture.tokens.of('seckill-service'),
    errors,
    metrics,
  });
  const keys = createKeys(fixture.namespace, 'seckill');
  const activities = createActivityRepository(fixture.db);
  let lastId = 800_000_000_000_000_000n;

  async function units(activityId: string): Promise<Units> {
    const [row] = await fixture.db.query<{ total: number; sold: number; held: string | null }[]>(
      `SELECT total, sold, (SELECT SUM(quantity) FROM reservations r WHERE r.activity_id = a.id
       AND status IN ('QUEUED', 'ORDERED')) AS held FROM activities a WHERE id = ?`,
      [activityId],
    );
    if (!row) throw new Error(`no activity ${activityId}`);
    const reserved = fixture.products.reserved.get(activityId);
    const free = (await fixture.sales.read(activityId))?.remaining;
    return { reserved, total: row.total, sold: row.sold, held: Number(row.held), free };
  }

  return {
    ...fixture,
    control: (activityId, verb, body = {}, key) =>
      fixture.http.call(`POST ${at(activityId, `/${verb}`)}`, {
        user: admin,
        body,
        ...(key && { headers: { 'idempotency-key': key } }),
      }),
    change: (activityId, body) => fixture.http.call(`PUT ${at(activityId)}`, { user: admin, body }),
    view: async (activityId) =>
      (await fixture.http.call<ActivityView>(`GET /api/v1/seckill/activities/${activityId}`)).body.data,
    operations: async (activityId, query = '') =>
      (
        await fixture.http.call<{ items: OperationView[] }>(`GET ${at(activityId, `/operations${query}`)}`, {
          user: admin,
        })
      ).body.data.items,
    async buy(activityId, user, quantity = 1) {
      const key = randomUUID();
      for (;;) {
        const answer = await fixture.http.call<{ reservation_id: string }>(
          `POST /api/v1/seckill/activities/${activityId}/buy`,
          { user: buyer(user), body: { quantity }, headers: { 'idempotency-key': key } },
        );
        if (answer.status < 500) return answer;
      }
    },
    units,
    unitsAtRest: async (activityId) => {
      await eventually(async () => (await fixture.sales.waitingInStream(activityId)) === 0);
      return units(activityId);
    },
    loseLiveSale: async (activityId) => {
      await redis.del(stateOf(activityId), stateOf(activityId).replace(':state', ':buyers'));
    },
    warmUp: (activityId) =>
      fixture.http.call(`POST /api/v1/admin/seckill/warmup/${activityId}`, { user: admin }),
    deps: {
      db: fixture.db,
      activities,
      control: createBucketedControl({
        control: createSaleControl({ redis, keys }),
        buckets: createBuckets({ activities }),
        moves: createStockMoves({ redis, keys }),
      }),
      products: createProducts(client),
      ids: { nextId: () => String((lastId += 1n)) },
      logger: silentLogger,
      metrics,
    },
    stop: async () => {
      await client.stop();
      await fixture.stop();
    },
  };
}
