import { createKeys } from '@onrush/chassis/redis';
import { admin } from '@onrush/chassis/testing/service';
import type { LiveSales } from '../src/data/live-sale';
import { createSaleRebuild } from '../src/data/sale-rebuild';
import type { WantedChange } from '../src/domain/operation';
import { carryOut } from '../src/use-cases/carry-out';
import { controlActivity, type ControlActivity } from '../src/use-cases/control-activity';
import { warmUp, type WarmUp } from '../src/use-cases/warm-up';
import { startControlFixture, type ControlFixture } from './control-fixture';
import {
  begin,
  dyingAt,
  expectNothingUnreserved,
  pendingOf,
  resume,
  stock,
  wanted,
  type Death,
} from './interrupted';
import { activityBody } from './fixture';

let fixture: ControlFixture;
beforeAll(async () => {
  fixture = await startControlFixture('controlrebuild');
}, 60_000);
afterAll(() => fixture.stop());

test('a sale that Redis lost is rebuilt as operators have made it', async () => {
  const id = await fixture.openActivity();
  await fixture.control(id, 'stock', { delta: 20, reason: 'more' });
  await fixture.control(id, 'pause');
  await fixture.change(id, { per_user_limit: 4, version: 3 });
  await fixture.loseLiveSale(id);

  await fixture.warmUp(id);

  expect(await fixture.view(id)).toMatchObject({ status: 'PAUSED', total: 120, remaining: 120 });
  await fixture.control(id, 'resume');
  expect((await fixture.buy(id, 1, 4)).status).toBe(202);
  await fixture.control(id, 'close');
  await fixture.loseLiveSale(id);
  expect((await fixture.view(id)).status).toBe('ENDED');
  await fixture.warmUp(id);
  expect((await fixture.view(id)).status).toBe('ENDED');
});

test('a sale that Redis lost can be paused before it is rebuilt, but gives up no units', async () => {
  const id = await fixture.openActivity();
  await fixture.loseLiveSale(id);

  const withdrawn = await fixture.control(id, 'stock', { delta: -1, reason: 'x' });
  const added = await fixture.control(id, 'stock', { delta: 5, reason: 'x' });
  const paused = await fixture.control(id, 'pause');
  await fixture.warmUp(id);

  expect([withdrawn.body.code, added.status, paused.status]).toEqual([409411, 200, 200]);
  expect(await fixture.view(id)).toMatchObject({ status: 'PAUSED', total: 105, remaining: 105 });
  expect(await fixture.operations(id)).toMatchObject([
    { kind: 'PAUSE', status: 'DONE' },
    { delta: 5, status: 'DONE' },
    { delta: -1, status: 'REFUSED', refused_because: 'NOT_WARMED_UP' },
  ]);
});

test.each<[WantedChange, Death]>([
  [stock(40), 'after product-service'],
  [stock(40), 'before Redis'],
  [stock(-40), 'after Redis'],
  [stock(-40), 'before product-service'],
])('%o that died %s counts once when Redis loses the sale before it is resumed', async (change, death) => {
  const id = await fixture.openActivity();
  await begin(fixture, id, change, death);
  await fixture.loseLiveSale(id);
  await fixture.warmUp(id);
  await expectNothingUnreserved(fixture, id);

  await resume(fixture);

  const total = 100 + (change.kind === 'STOCK' ? change.delta : 0);
  expect(await fixture.units(id)).toEqual({ reserved: total, total, sold: 0, held: 0, free: total });
});

test('a withdrawal that is in the ledger is done, also where Redis has lost the sale since', async () => {
  const id = await fixture.openActivity();
  await begin(fixture, id, stock(-40), 'before product-service');
  await fixture.loseLiveSale(id);

  await resume(fixture);

  expect(await fixture.operations(id)).toMatchObject([{ status: 'DONE' }]);
  expect(await fixture.units(id)).toMatchObject({ reserved: 60, total: 60 });
});

test('a late refusal does not end a withdrawal that is in the ledger', async () => {
  const id = await fixture.openActivity();
  await begin(fixture, id, stock(-40), 'before Redis');
  const late = await pendingOf(fixture, id);
  const control: ControlActivity['control'] = {
    async apply() {
      // Meanwhile another process gets as far as the ledger, and Redis loses the sale.
      await carryOut(dyingAt('before product-service', fixture.deps), late).catch(() => undefined);
      await fixture.loseLiveSale(id);
      return 'no-live-sale';
    },
  };

  await expect(carryOut({ ...fixture.deps, control }, late)).rejects.toMatchObject({ status: 'UNAVAILABLE' });

  await resume(fixture);
  expect(await fixture.operations(id)).toMatchObject([{ status: 'DONE' }]);
  expect(await fixture.units(id)).toMatchObject({ reserved: 60, total: 60 });
});

test.each([
  ['took', -40, 'applied'],
  ['refused', -400, 'not-enough-free'],
])('what a live sale %s before it was rebuilt does not count', async (_name, delta, answer) => {
  const id = await fixture.openActivity();
  const control: ControlActivity['control'] = {
    async apply(...operation) {
      const answered = await fixture.deps.control.apply(...operation);
      expect(answered).toBe(answer);
      await fixture.loseLiveSale(id);
      await fixture.warmUp(id);
      return answered;
    },
  };
  const deps = { ...fixture.deps, control };

  await expect(controlActivity(deps, wanted(id, stock(delta)))).rejects.toMatchObject({
    status: 'UNAVAILABLE',
  });

  expect(await fixture.units(id)).toMatchObject({ reserved: 100, total: 100, free: 100 });
  await resume(fixture);
  const total = answer === 'applied' ? 100 + delta : 100;
  expect(await fixture.units(id)).toEqual({ reserved: total, total, sold: 0, held: 0, free: total });
});

test('units that the ledger has sold are not withdrawn, whatever Redis calls free, nor sold again', async () => {
  const id = await fixture.openActivity({ total: 10, per_user_limit: 10 });
  await fixture.buy(id, 1, 9);
  await fixture.unitsAtRest(id);
  await fixture.redis.redis.hset(fixture.sales.streamOf(id).replace(':stream', ':state'), 'stock', 5);

  const refused = await fixture.control(id, 'stock', { delta: -4, reason: 'x' });

  expect(refused.body.code).toBe(409413);
  expect(await fixture.units(id)).toEqual({ reserved: 10, total: 10, sold: 9, held: 9, free: 1 });
});

test.each([
  ['Redis', 1],
  ['the ledger', 5],
])(
  'a process that is late with a withdrawal that %s refused takes nothing from a sale that was rebuilt since',
  async (_who, free) => {
    const id = await fixture.openActivity({ total: 10, per_user_limit: 10 });
    await fixture.buy(id, 1, 9);
    await fixture.unitsAtRest(id);
    await begin(fixture, id, stock(-4), 'before Redis');
    const late = await pendingOf(fixture, id);
    await fixture.redis.redis.hset(fixture.sales.streamOf(id).replace(':stream', ':state'), 'stock', free);
    await resume(fixture);
    await fixture.db.query(`UPDATE reservations SET status = 'RELEASED' WHERE activity_id = ?`, [id]);
    await fixture.db.query('UPDATE activities SET sold = 0 WHERE id = ?', [id]);
    await fixture.loseLiveSale(id);
    await fixture.warmUp(id);

    expect(await carryOut(fixture.deps, late)).toMatchObject({ status: 'REFUSED' });

    expect(await fixture.units(id)).toMatchObject({ reserved: 10, total: 10, free: 10 });
  },
);

test('a rebuild does not mind an operation that came in between', async () => {
  const id = await fixture.openActivity();
  await fixture.loseLiveSale(id);
  const read: LiveSales['read'] = async (activityId) => {
    if ((await fixture.operations(id)).length === 0) await fixture.control(id, 'pause');
    return fixture.sales.read(activityId);
  };

  const rebuilt = await warmUp({ ...warmUpDeps(), sales: { ...fixture.sales, read } }, id);

  expect(rebuilt.live).toMatchObject({ status: 'PAUSED', remaining: 100 });
});

test('a plan that changes while its units are being reserved is not opened', async () => {
  const { id, version } = (
    await fixture.http.call<{ id: string; version: number }>('POST /api/v1/admin/seckill/activities', {
      user: admin,
      body: activityBody(),
    })
  ).body.data;
  const reserveForActivity = async () => {
    expect((await fixture.change(id, { total: 500, version })).status).toBe(200);
  };
  const products = { reserveForActivity } as unknown as WarmUp['products'];

  await expect(warmUp({ ...warmUpDeps(), products }, id)).rejects.toMatchObject({ code: 409408 });

  expect(await fixture.sales.read(id)).toBeUndefined();
});

const warmUpDeps = (): WarmUp => ({
  ...fixture.deps,
  products: {} as WarmUp['products'],
  sales: fixture.sales,
  rebuild: createSaleRebuild({ redis: fixture.redis.redis, keys: createKeys(fixture.namespace, 'seckill') }),
  handOverMs: 0,
  stockBuckets: 1,
  onWarmedUp: () => Promise.resolve(),
});
