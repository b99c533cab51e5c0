import { createMetrics, type Metrics } from '@onrush/chassis/metrics';
import { createOutbox } from '@onrush/chassis/outbox';
import { createKeys } from '@onrush/chassis/redis';
import { recordingLogger, type RecordingLogger } from '@onrush/chassis/testing/logger';
import { infrastructure } from '@onrush/chassis/testing/infrastructure';
import {
  admin,
  buyer,
  startTestService,
  type Answer,
  type TestService,
} from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { createActivityRepository } from '../src/data/activity-repository';
import { createSaleRebuild } from '../src/data/sale-rebuild';
import { createSaleUpkeep } from '../src/data/sale-upkeep';
import { createStockMoves, type StockMoves } from '../src/data/stock-moves';
import type { Activity } from '../src/domain/activity';
import { errors } from '../src/errors';
import type { Reconcile } from '../src/use-cases/reconcile';
import { startFixture, type Fixture } from './fixture';

export interface Bought {
  reservation_id: string;
  order_no: string;
}

export interface ReconciliationView {
  status: string;
  epoch: number;
  redis_epoch: number | null;
  equation: Record<'total' | 'free' | 'in_stream' | 'queued' | 'ordered' | 'returning', number>;
  differences: Record<'stock' | 'ledger' | 'excess', number>;
  repairs: { kind: string; amount: number; reason: string; epoch: number }[];
}

export interface ReconcileFixture extends Fixture {
  key(activityId: string, part: 'state' | 'buyers' | 'stream'): string;
  /** Another process of the service, that carries on what was bought. */
  startWorker(changes?: Partial<Config>): Promise<TestService<Config>>;
  /** What the use cases stand on, and where they write their logs. */
  deps: Reconcile & { moves: StockMoves };
  log: RecordingLogger['lines'];
  metrics: Metrics;
  activity(activityId: string): Promise<Activity>;
  /** Under this epoch the sale is open in Redis, and known to the ledger: that is committed a moment later. */
  isBack(activityId: string, epoch: number): Promise<unknown>;
  buy(
    activityId: string,
    user: number,
    options?: { key?: string; quantity?: number },
  ): Promise<Answer<Bought>>;
  /** Tries until it has bought, or nothing is left. */
  buyAtLast(activityId: string, user: number): Promise<Bought | undefined>;
  reservation(id: string, user: number): Promise<Answer<{ status: string; reason: string | null }>>;
  reconciliation(activityId: string): Promise<ReconciliationView>;
  repair(activityId: string): Promise<ReconciliationView>;
  /** Once nothing is on its way any more. */
  atRest(activityId: string): Promise<ReconciliationView>;
  /** All of them, many at a time. Returns what each has got. */
  sell(
    activityId: string,
    users: number[],
    onBought?: (user: number, bought: Bought) => void | Promise<void>,
  ): Promise<Map<number, Bought>>;
}

/** 5 seconds are promised; the rest is for a machine that stands still for a while. */
export const longestPauseMs = 5_000 + 15_000;

/** More would wait for the test's own processor, not for the service. */
const lanes = 100;

/** A database of Redis for this test file alone, which it may empty. */
export function takeRedisDatabase(number: number): void {
  const url = new URL(infrastructure().redisUrl);
  url.pathname = `/${number}`;
  process.env['REDIS_URL'] = url.href;
}

export async function startReconcileFixture(
  label: string,
  changes: Partial<Config> = {},
): Promise<ReconcileFixture> {
  const fixture = await startFixture(label, changes);
  const { redis } = fixture.redis;
  const keys = createKeys(fixture.namespace, 'seckill');
  const { logger, lines: log } = recordingLogger();
  const metrics = createMetrics({ service: 'test' });
  const activities = createActivityRepository(fixture.db);
  const { db, sales } = fixture;
  const workers: TestService<Config>[] = [];
  const deps = {
    db,
    activities,
    sales,
    upkeep: createSaleUpkeep({ redis, keys, group: 'seckill-service' }),
    rebuild: createSaleRebuild({ redis, keys }),
    moves: createStockMoves({ redis, keys }),
    outbox: createOutbox({ db, broker: fixture.kafka.broker, logger, metrics }),
    logger,
    metrics,
    handOverMs: 0,
    republishAfterSeconds: 3_600,
  };
  const at = (activityId: string, rest: string) => `/api/v1/admin/seckill/activities/${activityId}/${rest}`;
  const buy: ReconcileFixture['buy'] = (activityId, user, { key, quantity = 1 } = {}) =>
    fixture.http.call(`POST /api/v1/seckill/activities/${activityId}/buy`, {
      user: buyer(user),
      body: { quantity },
      headers: { 'idempotency-key': key ?? `key-${user}` },
    });
  const reconciliation = async (activityId: string) =>
    (await fixture.http.call<ReconciliationView>(`GET ${at(activityId, 'reconciliation')}`, { user: admin }))
      .body.data;
  const buyAtLast: ReconcileFixture['buyAtLast'] = async (activityId, user) => {
    const answer = await eventually(
      async () => {
        const tried = await buy(activityId, user);
        return (tried.status === 202 || tried.body.code === errors.soldOut.definition.code) && tried;
      },
      { timeoutMs: 40_000, everyMs: 50 },
    );
    return answer.status === 202 ? answer.body.data : undefined;
  };

  return {
    ...fixture,
    deps,
    log,
    metrics,
    buy,
    buyAtLast,
    reconciliation,
    key: (activityId, part) => keys.tagged(`a:${activityId}`)(part),
    async startWorker(more = {}) {
      const worker = await startTestService(createApp, { ...fixture.config, ...more, role: 'worker' });
      workers.push(worker);
      return worker;
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await fixture.stop();
    },
    async activity(activityId) {
      const activity = await activities.find(activityId);
      if (!activity) throw new Error(`no activity ${activityId}`);
      return activity;
    },
    isBack: (activityId, epoch) =>
      eventually(
        async () => {
          const found = await Promise.all([fixture.sales.read(activityId), activities.find(activityId)]);
          return found.every((one) => one?.epoch === epoch);
        },
        { timeoutMs: longestPauseMs },
      ),
    reservation: (id, user) =>
      fixture.http.call(`GET /api/v1/seckill/reservations/${id}`, { user: buyer(user) }),
    repair: async (activityId) =>
      (await fixture.http.call<ReconciliationView>(`POST ${at(activityId, 'repair')}`, { user: admin })).body
        .data,
    atRest: (activityId) =>
      eventually(
        async () => {
          const view = await reconciliation(activityId);
          return view.status !== 'LOST' && view.equation.in_stream === 0 && view;
        },
        { timeoutMs: 40_000, everyMs: 50 },
      ),
    async sell(activityId, users, onBought = () => undefined) {
      const bought = new Map<number, Bought>();
      const left = [...users];
      const lane = async () => {
        for (let user = left.shift(); user !== undefined; user = left.shift()) {
          const purchase = await buyAtLast(activityId, user);
          if (!purchase) continue;
          bought.set(user, purchase);
          await onBought(user, purchase);
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      return bought;
    },
  };
}

export const usersFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first + index);
