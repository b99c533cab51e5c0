import { createStaticDiscovery } from '@onrush/chassis/discovery';
import { createGrpcClient } from '@onrush/chassis/grpc-client';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { admin, startTestService, type TestService } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { productService } from '@onrush/proto';
import { createApp } from '../src/app';
import { createProducts } from '../src/clients/products';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import type { WarmUp } from '../src/use-cases/warm-up';
import { warmUpDue } from '../src/use-cases/warm-up-due';
import { activityBody } from './fixture';
import { startReconcileFixture, type ReconcileFixture } from './reconcile-fixture';

const minute = 60_000;
let fixture: ReconcileFixture;
let deps: WarmUp;
beforeAll(async () => {
  fixture = await startReconcileFixture('warmupdue', { role: 'api' });
  const client = createGrpcClient({
    service: 'product-service',
    definition: productService,
    discovery: createStaticDiscovery(fixture.config.staticServices),
    tokens: fixture.tokens.of('seckill-service'),
    errors,
    metrics: fixture.metrics,
  });
  await client.start();
  deps = {
    ...fixture.deps,
    products: createProducts(client),
    stockBuckets: 1,
    onWarmedUp: () => Promise.resolve(),
  };
}, 60_000);
afterAll(() => fixture.stop());
/** What one test has planned is no affair of the next. */
afterEach(async () => {
  fixture.products.isAway = false;
  await fixture.db.query('UPDATE activities SET ends_at = ?', [new Date(Date.now() - minute)]);
});

async function plan(changes: Record<string, unknown> = {}): Promise<string> {
  const body = activityBody({ total: 10, ...changes });
  const planned = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body,
  });
  return planned.body.data.id;
}

const inMinutes = (minutes: number) => ({
  starts_at: new Date(Date.now() + minutes * minute).toISOString(),
});
const change = (id: string, body: object) =>
  fixture.http.call(`PUT /api/v1/admin/seckill/activities/${id}`, { user: admin, body });
const warmUpByHand = (id: string) =>
  fixture.http.call<{ epoch: number }>(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });
const isWarm = async (id: string) => (await fixture.sales.read(id))?.epoch === 1;

/** A worker that warms up by itself, and what it writes into its log. */
async function withWorker<T>(
  warmUpMinutes: number,
  work: (worker: TestService<Config>, lines: Record<string, unknown>[]) => Promise<T>,
): Promise<T> {
  const { logger, lines } = recordingLogger();
  const config = { ...fixture.config, role: 'worker' as const, warmUpMinutes };
  const worker = await startTestService(createApp, config, { logger });
  return work(worker, lines).finally(() => worker.stop());
}

const metric = async (worker: TestService<Config>, name: string) =>
  (await worker.metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value;

test('a planned sale is warmed up so many minutes before it starts, a later one and one that is over are not', async () => {
  const over = await plan({ ends_at: new Date(Date.now() - 1_000).toISOString() });
  const later = await plan(inMinutes(6));
  const soon = await plan(inMinutes(4));

  await withWorker(5, () => eventually(() => isWarm(soon)));

  expect(fixture.products.reserved.get(soon)).toBe(10);
  expect(await fixture.sales.read(later)).toBeUndefined();
  expect(await fixture.sales.read(over)).toBeUndefined();
  expect(await warmUpDue(deps, 5 * minute)).toEqual([]);
});

test('one that is planned when it should be warm already, or has started, is warmed up at the next round', async () => {
  await withWorker(5, async () => {
    const [soon, started] = [await plan(inMinutes(1)), await plan()];

    await eventually(async () => (await isWarm(soon)) && (await isWarm(started)));

    expect((await fixture.buy(soon, 1)).body.code).toBe(errors.notStarted.definition.code);
    expect((await fixture.buy(started, 1)).status).toBe(202);
  });
});

test('with 0 minutes it is left to administrators', async () => {
  const gauge = (worker: TestService<Config>) => metric(worker, 'seckill_sales_not_warmed_up');

  expect(await withWorker(0, gauge)).toBeUndefined();
  expect(await withWorker(1, gauge)).toBe(0);
});

test('two workers and an administrator at the same moment build a sale once', async () => {
  for (let round = 0; round < 5; round += 1) {
    const id = await plan();

    const outcomes = await releaseTogether(3, async (index) => {
      if (index < 2) return (await warmUpDue(deps, 0)).length;
      return (await warmUpByHand(id)).status;
    });

    const answers = outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason));
    expect(answers.filter((answer) => answer === 0)).toHaveLength(2);
    expect(answers.filter((answer) => answer === 200)).toHaveLength(1);
    expect(await fixture.sales.read(id)).toMatchObject({ epoch: 1, remaining: 10, status: 'OPEN' });
    expect((await fixture.activity(id)).epoch).toBe(1);
  }
});

test('a sale that is warm stays as it is, whoever comes', async () => {
  const id = await fixture.openActivity({ total: 10 });
  await fixture.buy(id, 1);

  await warmUpDue(deps, 5 * minute);

  expect(await fixture.sales.read(id)).toMatchObject({ epoch: 1, remaining: 9 });
});

/** One that is stopped where it calls `pause`, until the gate opens. */
function stopped() {
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pause = async () => {
    reached.resolve();
    await gate.promise;
  };
  return { reached, gate, pause };
}

test('one that was stopped after it had reserved, and wakes up while the sale goes on, changes nothing', async () => {
  const { reached, gate, pause } = stopped();
  const id = await plan();
  const reserveForActivity: WarmUp['products']['reserveForActivity'] = async (activity) => {
    await deps.products.reserveForActivity(activity);
    await pause();
  };
  const late = warmUpDue({ ...deps, products: { ...deps.products, reserveForActivity } }, 0);
  await reached.promise;
  await warmUpDue(deps, 0);
  await fixture.buy(id, 1);
  await fixture.http.call(`POST /api/v1/admin/seckill/activities/${id}/pause`, { user: admin, body: {} });

  gate.resolve();

  expect(await late).toEqual([]);
  expect(await fixture.sales.read(id)).toMatchObject({ epoch: 1, remaining: 9, status: 'PAUSED' });
});

test.each(['before', 'after'])(
  'one that was stopped with the fence in its hand, %s it had counted, and wakes up after another has built the sale, changes nothing',
  async (when) => {
    const { reached, gate, pause } = stopped();
    const id = await plan();
    let connection = 0;
    const activities: WarmUp['activities'] = {
      ...deps.activities,
      async startEpoch(tx, ...rest) {
        const [row] = await tx.query<{ id: string }[]>('SELECT CONNECTION_ID() AS id');
        connection = Number(row?.id);
        return deps.activities.startEpoch(tx, ...rest);
      },
    };
    const rebuild: WarmUp['rebuild'] = {
      ...deps.rebuild,
      async fence(activity) {
        const isMine = await deps.rebuild.fence(activity);
        if (when === 'before') await pause();
        return isMine;
      },
      async open(activity, options) {
        if (when === 'after') await pause();
        return deps.rebuild.open(activity, options);
      },
    };
    const late = warmUpDue({ ...deps, activities, rebuild }, 0);
    await reached.promise;
    // What MySQL does when the connection of a stopped process is given up.
    await fixture.db.query(`KILL ${connection}`);
    // It is warmed up in the ledger, and the guard builds what is not there.
    expect((await warmUpByHand(id)).body.data.epoch).toBe(2);
    await fixture.buy(id, 1);

    gate.resolve();

    expect(await late).toHaveLength(1);
    expect(await fixture.sales.read(id)).toMatchObject({ epoch: 2, remaining: 9, status: 'OPEN' });
    expect((await fixture.activity(id)).epoch).toBe(2);
  },
);

test('while product-service is away it is tried again, with one line in the log and a gauge that tells', async () => {
  const id = await plan();
  fixture.products.isAway = true;

  await withWorker(5, async (worker, lines) => {
    await eventually(async () => ((await metric(worker, 'seckill_warm_up_failures_total')) ?? 0) >= 3, {
      timeoutMs: 20_000,
    });
    const told = lines.filter(({ msg }) => msg === 'planned sale not warmed up, trying again');
    expect(await metric(worker, 'seckill_sales_not_warmed_up')).toBe(1);
    expect(await fixture.sales.read(id)).toBeUndefined();
    fixture.products.isAway = false;
    await eventually(() => isWarm(id), { timeoutMs: 20_000 });

    await eventually(async () => (await metric(worker, 'seckill_sales_not_warmed_up')) === 0);
    expect(told).toEqual([expect.objectContaining({ activityId: id })]);
  });
}, 60_000);

test('one that cannot be warmed up does not keep the others from it', async () => {
  const tooMany = await plan({ total: 5_000_000, starts_at: new Date(Date.now() - minute).toISOString() });
  const other = await plan(inMinutes(1));

  const left = await warmUpDue(deps, 5 * minute);

  expect(left.map(({ activity }) => activity.id)).toEqual([tooMany]);
  expect(await isWarm(other)).toBe(true);
});

test('a plan that is changed between the first try and the start is warmed up as it is then', async () => {
  const id = await plan(inMinutes(1));
  fixture.products.isAway = true;
  await warmUpDue(deps, 5 * minute);
  fixture.products.isAway = false;
  expect((await change(id, { version: 1, total: 25, per_user_limit: 3 })).status).toBe(200);

  expect(await warmUpDue(deps, 5 * minute)).toEqual([]);

  expect(fixture.products.reserved.get(id)).toBe(25);
  expect(await fixture.sales.read(id)).toMatchObject({ epoch: 1, remaining: 25 });
  expect((await change(id, { version: 2, total: 30 })).body.code).toBe(
    errors.alreadyWarmedUp.definition.code,
  );
});

test('a plan that is changed while it is warmed up is not opened with what was reserved for the old one', async () => {
  const id = await plan(inMinutes(1));
  const reserveForActivity: WarmUp['products']['reserveForActivity'] = async (activity) => {
    await deps.products.reserveForActivity(activity);
    if (activity.version === 1) await change(id, { version: 1, total: 25 });
  };
  const changing = { ...deps, products: { ...deps.products, reserveForActivity } };

  const left = await warmUpDue(changing, 5 * minute);
  const before = await fixture.sales.read(id);
  await warmUpDue(changing, 5 * minute);

  expect(left.map(({ error }) => error)).toEqual([
    expect.objectContaining({ reason: errors.versionChanged.definition.reason }),
  ]);
  expect(before).toBeUndefined();
  expect(fixture.products.reserved.get(id)).toBe(25);
  expect(await fixture.sales.read(id)).toMatchObject({ epoch: 1, remaining: 25 });
});

test('operations on a sale whose plan was changed before go on after the plan', async () => {
  fixture.products.revisions.clear();
  const id = await plan();
  fixture.products.reserved.set(id, 10);
  await change(id, { version: 1, total: 20 });
  await warmUpDue(deps, 0);

  const added = await fixture.http.call<{ total: number }>(
    `POST /api/v1/admin/seckill/activities/${id}/stock`,
    { user: admin, body: { delta: 5, reason: 'second hall' } },
  );

  expect(added.body.data.total).toBe(25);
  expect(fixture.products.reserved.get(id)).toBe(25);
  expect(await fixture.sales.read(id)).toMatchObject({ remaining: 25 });
});
