import { createOutbox } from '@onrush/chassis/outbox';
import { inTransaction } from '@onrush/chassis/mysql';
import { createKeys } from '@onrush/chassis/redis';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { pendingReturns } from '../src/data/pending-returns';
import { reservationLedger } from '../src/data/reservation-ledger';
import { createSaleRebuild } from '../src/data/sale-rebuild';
import { createSaleUpkeep } from '../src/data/sale-upkeep';
import { measureStock } from '../src/use-cases/measure-stock';
import { withdrawUnsold, type WithdrawUnsold } from '../src/use-cases/withdraw-unsold';
import { startControlFixture, type ControlFixture } from './control-fixture';
import { dyingAt, expectNothingUnreserved, resume, type Death } from './interrupted';
import { tellCancelled } from './order-events';

let fixture: ControlFixture;
let deps: WithdrawUnsold;
beforeAll(async () => {
  fixture = await startControlFixture('unsold');
  const { redis } = fixture.redis;
  const keys = createKeys(fixture.namespace, 'seckill');
  deps = {
    ...fixture.deps,
    sales: fixture.sales,
    upkeep: createSaleUpkeep({ redis, keys, group: 'seckill-service' }),
    rebuild: createSaleRebuild({ redis, keys }),
    outbox: createOutbox({ ...fixture.deps, broker: fixture.kafka.broker }),
    handOverMs: 0,
  };
}, 60_000);
afterAll(() => fixture.stop());
afterEach(() => Object.assign(fixture.products, { isAway: false }));

interface Bought {
  reservation_id: string;
  order_no: string;
}

/** Ten units, two of them sold. */
async function openSale(changes: object = {}): Promise<{ id: string; bought: Bought[] }> {
  const id = await fixture.openActivity({ total: 10, ...changes });
  const answers = [await fixture.buy(id, 1), await fixture.buy(id, 2)];
  return { id, bought: answers.map(({ body }) => body.data as Bought) };
}

const isDrained = (id: string) =>
  eventually(async () => (await fixture.deps.activities.find(id))?.drainedAt !== null);

/** As if the last purchase had left Redis long ago. */
async function rest(id: string): Promise<void> {
  await isDrained(id);
  const longAgo = new Date(Date.now() - 120_000);
  await fixture.db.query('UPDATE activities SET drained_at = ? WHERE id = ?', [longAgo, id]);
}

async function closedSale(): Promise<{ id: string; bought: Bought[] }> {
  const sale = await openSale();
  await fixture.control(sale.id, 'close');
  await rest(sale.id);
  return sale;
}

const withdrawn = { reserved: 2, total: 2, sold: 2, held: 2, free: 0 };
const untouched = { reserved: 10, total: 10, sold: 2, held: 2, free: 8 };
const differenceOf = async (id: string) =>
  (await measureStock(deps, id, { countRows: true })).equation?.difference;

test('what was not sold goes back once, however many workers see that the sale is over, and the audit trail tells it', async () => {
  const { id } = await closedSale();

  for (let round = 0; round < 2; round += 1) await releaseTogether(4, () => withdrawUnsold(deps));

  expect(await fixture.units(id)).toEqual(withdrawn);
  expect(await fixture.operations(id)).toMatchObject([
    { kind: 'STOCK', delta: -8, by: '0', reason: 'the sale is over', status: 'DONE' },
    { kind: 'CLOSE', status: 'DONE' },
  ]);
  expect(await differenceOf(id)).toBe(0);
});

test('a sale that has come to its end by the clock is over, too', async () => {
  const { id } = await openSale();
  const past = new Date(Date.now() - 600_000);
  await fixture.unitsAtRest(id);
  await fixture.db.query('UPDATE activities SET ends_at = ? WHERE id = ?', [past, id]);
  await fixture.redis.redis.hset(
    fixture.sales.streamOf(id).replace(':stream', ':state'),
    'ends_at',
    past.getTime(),
  );
  await rest(id);

  await withdrawUnsold(deps);

  expect(await fixture.units(id)).toEqual(withdrawn);
});

test('one that goes on, is paused, or has only just been drained keeps its units', async () => {
  const [open, paused, justDrained] = [await openSale(), await openSale(), await openSale()];
  await fixture.control(paused.id, 'pause');
  await fixture.control(justDrained.id, 'close');
  await isDrained(justDrained.id);
  for (const { id } of [open, paused]) await fixture.unitsAtRest(id);

  await withdrawUnsold(deps);

  for (const { id } of [open, paused, justDrained]) expect(await fixture.units(id)).toEqual(untouched);
});

test('a rehearsal has nothing to give back', async () => {
  const id = await fixture.openActivity({ total: 10, rehearsal: true });
  await fixture.control(id, 'close');
  await rest(id);

  await withdrawUnsold(deps);

  expect(await fixture.units(id)).toMatchObject({ total: 10, free: 10 });
});

test('units of orders that are cancelled after the end go back as well', async () => {
  const { id, bought } = await closedSale();
  await withdrawUnsold(deps);
  for (const [index, one] of bought.entries()) {
    await tellCancelled(fixture, { ...one, activityId: id, userId: String(index + 1) });
    await eventually(async () => (await fixture.units(id)).free === 1);

    await releaseTogether(2, () => withdrawUnsold(deps));

    const left = 1 - index;
    expect(await fixture.units(id)).toMatchObject({ reserved: left, total: left, sold: left, free: 0 });
  }
  expect(await fixture.operations(id)).toHaveLength(4);
  expect(await differenceOf(id)).toBe(0);
});

test('a release that Redis was never told of goes back, too', async () => {
  const { id, bought } = await closedSale();
  await withdrawUnsold(deps);
  await inTransaction(fixture.db, async (tx) => {
    const released = await reservationLedger.release(tx, bought[0]?.reservation_id ?? '', 'died');
    if (released) await pendingReturns.add(tx, released);
  });

  await withdrawUnsold(deps);

  expect(await fixture.units(id)).toMatchObject({ reserved: 1, total: 1, sold: 1, free: 0 });
});

test.each<[Death]>([
  ['before Redis'],
  ['after Redis'],
  ['before product-service'],
  ['after product-service'],
])('once, whoever dies %s', async (death) => {
  const { id } = await closedSale();
  await expect(withdrawUnsold({ ...deps, ...dyingAt(death, deps) })).rejects.toThrow();
  await expectNothingUnreserved(fixture, id);

  await releaseTogether(4, (index) => (index % 2 ? withdrawUnsold(deps) : resume(fixture)));
  await resume(fixture);

  expect(await fixture.units(id)).toEqual(withdrawn);
  expect(await fixture.operations(id)).toMatchObject([
    { kind: 'STOCK', delta: -8, status: 'DONE' },
    { kind: 'CLOSE' },
  ]);
  expect(await differenceOf(id)).toBe(0);
});

test('one that was stopped after it had counted, and wakes up when others have done it, changes nothing', async () => {
  const { id } = await closedSale();
  const find: typeof deps.activities.find = async (found) => {
    await withdrawUnsold(deps);
    return deps.activities.find(found);
  };

  await withdrawUnsold({ ...deps, activities: { ...deps.activities, find } });

  expect(await fixture.units(id)).toEqual(withdrawn);
  expect(await fixture.operations(id)).toHaveLength(2);
});

test('one that cannot be given back now does not keep the others from it, and is given back later', async () => {
  const [stuck, other] = [await closedSale(), await closedSale()];
  const resizeReservation: typeof deps.products.resizeReservation = (activity, wanted) =>
    activity.id === stuck.id
      ? Promise.reject(new Error('away'))
      : deps.products.resizeReservation(activity, wanted);

  await expect(withdrawUnsold({ ...deps, products: { resizeReservation } })).rejects.toThrow(AggregateError);

  expect(await fixture.units(other.id)).toEqual(withdrawn);
  expect(await fixture.units(stuck.id)).toEqual({ ...withdrawn, reserved: 10 });
  await resume(fixture);
  expect(await fixture.units(stuck.id)).toEqual(withdrawn);
});

test('a sale that Redis has lost since is counted anew, and has its turn when it is drained again', async () => {
  const { id } = await closedSale();
  await fixture.loseLiveSale(id);

  await withdrawUnsold(deps);

  expect(await fixture.units(id)).toEqual(untouched);
  await rest(id);
  await withdrawUnsold(deps);
  expect(await fixture.units(id)).toEqual(withdrawn);
});
