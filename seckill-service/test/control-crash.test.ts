import { createMetrics } from '@onrush/chassis/metrics';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { recordingLogger, silentLogger } from '@onrush/chassis/testing/logger';
import { admin } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import type { WantedChange } from '../src/domain/operation';
import { createUndrainedSales } from '../src/handlers/timers';
import { carryOut } from '../src/use-cases/carry-out';
import { controlActivity } from '../src/use-cases/control-activity';
import { startControlFixture, type ControlFixture } from './control-fixture';
import {
  begin,
  Died,
  dyingAt,
  expectNothingUnreserved,
  pendingOf,
  resume,
  stock,
  wanted,
  type Death,
} from './interrupted';

let fixture: ControlFixture;
beforeAll(async () => {
  fixture = await startControlFixture('controlcrash');
}, 60_000);
afterAll(() => fixture.stop());
afterEach(() => Object.assign(fixture.products, { isAway: false, stock: 1_000_000 }));

test.each<[string, WantedChange, Death]>([
  ['units are added', stock(40), 'before product-service'],
  ['units are added', stock(40), 'after product-service'],
  ['units are added', stock(40), 'before Redis'],
  ['units are added', stock(40), 'after Redis'],
  ['units are withdrawn', stock(-40), 'before Redis'],
  ['units are withdrawn', stock(-40), 'after Redis'],
  ['units are withdrawn', stock(-40), 'before product-service'],
  ['units are withdrawn', stock(-40), 'after product-service'],
])('%s once, whoever dies: %o %s', async (_name, change, death) => {
  const id = await fixture.openActivity();
  await fixture.buy(id, 1);
  await begin(fixture, id, change, death);
  await expectNothingUnreserved(fixture, id);
  await fixture.buy(id, 2);

  await releaseTogether(4, () => resume(fixture));

  const total = 100 + (change.kind === 'STOCK' ? change.delta : 0);
  expect(await fixture.unitsAtRest(id)).toEqual({
    reserved: total,
    total,
    sold: 2,
    held: 2,
    free: total - 2,
  });
  expect(await fixture.operations(id)).toMatchObject([{ status: 'DONE' }]);
  await resume(fixture);
  expect(await fixture.view(id)).toMatchObject({ total, version: 2 });
});

test.each<[WantedChange, object]>([
  [{ kind: 'PAUSE' }, { status: 'PAUSED' }],
  [{ kind: 'CLOSE' }, { status: 'ENDED' }],
  [{ kind: 'LIMIT', limit: 3, version: 1 }, { per_user_limit: 3 }],
])('%o holds, whoever dies', async (change, expected) => {
  for (const death of ['before Redis', 'after Redis'] as const) {
    const id = await fixture.openActivity({ total: 10 });
    await begin(fixture, id, change, death);

    await releaseTogether(2, () => resume(fixture));

    expect(await fixture.view(id)).toMatchObject({ ...expected, version: 2 });
    expect(await fixture.operations(id)).toMatchObject([{ kind: change.kind, status: 'DONE' }]);
    if (change.kind === 'LIMIT') expect((await fixture.buy(id, 1, 3)).status).toBe(202);
  }
});

test('a refused withdrawal stays refused when units come back before it is resumed', async () => {
  const id = await fixture.openActivity({ total: 10, per_user_limit: 10 });
  const bought = (await fixture.buy(id, 1, 5)).body.data.reservation_id;
  await begin(fixture, id, stock(-8), 'after Redis');
  await fixture.sales.release({ id: bought, activityId: id, userId: '1' }, { restock: true });

  await resume(fixture);

  expect(await fixture.sales.read(id)).toMatchObject({ remaining: 10 });
  expect(await fixture.operations(id)).toMatchObject([
    { status: 'REFUSED', refused_because: 'NOT_ENOUGH_FREE_UNITS' },
  ]);
});

test.each([
  ['that was done', 20, 'DONE'],
  ['that was refused', 2_000_000, 'REFUSED'],
])('a process that is late with an addition %s changes nothing', async (_name, delta, status) => {
  const id = await fixture.openActivity();
  await begin(fixture, id, stock(delta), 'before product-service');
  const late = await pendingOf(fixture, id);
  await resume(fixture);
  const settled = await fixture.units(id);
  // It has been waiting for product-service all the time, and heard that the units are there.
  const deps = { ...fixture.deps, products: { resizeReservation: () => Promise.resolve(true) } };

  expect(await carryOut(deps, late)).toMatchObject({ status });

  expect(await fixture.units(id)).toEqual(settled);
});

test('a process that is late with a withdrawal changes nothing, also when others have followed', async () => {
  const id = await fixture.openActivity();
  await begin(fixture, id, stock(-30), 'before Redis');
  const late = await pendingOf(fixture, id);
  await resume(fixture);
  await fixture.control(id, 'stock', { delta: 10, reason: 'next' });

  expect(await carryOut(fixture.deps, late)).toMatchObject({ status: 'DONE' });

  expect(await fixture.units(id)).toEqual({ reserved: 80, total: 80, sold: 0, held: 0, free: 80 });
});

test('a process that is late with a pause does not undo a resume', async () => {
  const id = await fixture.openActivity();
  await begin(fixture, id, { kind: 'PAUSE' }, 'before Redis');
  const late = await pendingOf(fixture, id);
  await resume(fixture);
  await fixture.control(id, 'resume');

  await carryOut(fixture.deps, late);
  expect((await fixture.view(id)).status).toBe('OPEN');

  await fixture.loseLiveSale(id);
  await fixture.warmUp(id);
  await carryOut(fixture.deps, late);
  expect((await fixture.view(id)).status).toBe('OPEN');
});

test('a sale that the ledger has closed is looked after until Redis has closed it too', async () => {
  const id = await fixture.openActivity();
  const { activities } = fixture.deps;
  const undrained = createUndrainedSales({ activities, sales: fixture.sales, logger: silentLogger });
  await begin(fixture, id, { kind: 'CLOSE' }, 'before Redis');

  await undrained.refresh();
  expect((await activities.find(id))?.drainedAt).toBeNull();

  expect((await fixture.buy(id, 1)).status).toBe(202);
  await resume(fixture);
  await eventually(async () => (await activities.find(id))?.drainedAt !== null);
  expect(await fixture.units(id)).toMatchObject({ sold: 1, held: 1 });
});

test('one that cannot be carried out does not keep the others from it', async () => {
  const [stuck, other] = [await fixture.openActivity(), await fixture.openActivity()];
  await begin(fixture, stuck, stock(1), 'before product-service');
  await begin(fixture, other, { kind: 'PAUSE' }, 'before Redis');
  fixture.products.isAway = true;

  await resume(fixture);

  expect(await fixture.operations(stuck)).toMatchObject([{ status: 'PENDING', done_at: null }]);
  expect(await fixture.operations(other)).toMatchObject([{ status: 'DONE' }]);
  fixture.products.isAway = false;
  await resume(fixture);
  expect(await fixture.operations(stuck)).toMatchObject([{ status: 'DONE' }]);
});

test('each operation is logged and counted once, by whoever ended it', async () => {
  const id = await fixture.openActivity();
  const { logger, lines } = recordingLogger();
  const metrics = createMetrics({ service: 'test' });
  const deps = { ...fixture.deps, logger, metrics };
  const perform = (change: WantedChange) => controlActivity(deps, wanted(id, change));

  await perform({ kind: 'PAUSE' });
  await perform(stock(7));
  await expect(perform(stock(-500))).rejects.toMatchObject({ code: 409413 });
  await expect(controlActivity(dyingAt('before Redis', deps), wanted(id, stock(1)))).rejects.toThrow(Died);
  await releaseTogether(3, () => resume({ ...fixture, deps }));

  const counted = await metrics.registry.getSingleMetric('seckill_operations_total')?.get();
  const byLabels = counted?.values.map(
    ({ labels, value }) => `${labels['kind']} ${labels['result']} ${value}`,
  );
  expect(byLabels?.sort()).toEqual(['PAUSE done 1', 'STOCK done 2', 'STOCK failed 1', 'STOCK refused 1']);
  expect(lines.filter(({ msg }) => String(msg).startsWith('operation '))).toMatchObject([
    { msg: 'operation done', activityId: id, kind: 'PAUSE', by: admin.id, reason: 'test' },
    { msg: 'operation done', kind: 'STOCK', value: 7 },
    { msg: 'operation refused', kind: 'STOCK', value: -500, refusedBecause: 'NOT_ENOUGH_FREE_UNITS' },
    { msg: 'operation done', kind: 'STOCK', value: 1 },
  ]);
});

test('the worker carries on what a dead process began', async () => {
  const id = await fixture.openActivity();
  await begin(fixture, id, stock(40), 'before Redis');

  await fixture.restart({ operationResumeMs: 100 });

  await eventually(async () => (await fixture.view(id)).remaining === 140);
  await eventually(async () => (await fixture.operations(id))[0]?.status === 'DONE');
});
