import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { buyAt, startAnother, type Instance } from './another-instance';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
let worker: Instance;
beforeAll(async () => {
  fixture = await startFixture('stockmetrics', { role: 'api' });
  worker = await startAnother(fixture, { role: 'worker', reconcileSeconds: 1 });
}, 60_000);
afterAll(async () => {
  await worker.stop();
  await fixture.stop();
});

const slowly = { timeoutMs: 15_000 };
/** Planned, sold and left. */
const stockOf = async (activity: string) =>
  Promise.all(
    ['planned', 'sold', 'remaining'].map((what) =>
      worker.metric(`seckill_stock_${what}_units`, { activity }),
    ),
  );
const buyTwo = async (activityId: string) => {
  for (const user of [1, 2])
    expect((await buyAt(fixture, { activityId, user: buyer(user) })).status).toBe(202);
};

test('a live sale shows what it has, and nothing any more once it is over', async () => {
  const activity = await fixture.openActivity({ total: 5 });
  await buyTwo(activity);

  await eventually(async () => String(await stockOf(activity)) === '5,2,3', slowly);

  await fixture.db.query('UPDATE activities SET ends_at = ? WHERE id = ?', [new Date(), activity]);
  const units = new RegExp(`seckill_stock_\\w+_units{activity="${activity}"`);
  await eventually(async () => !units.test(await worker.metrics.registry.metrics()), slowly);
  expect(await worker.metrics.registry.metrics()).toContain(
    `seckill_stock_difference{activity="${activity}"`,
  );
}, 60_000);

test('units that the ledger has sold beyond what there is are one number, which is 0 when all is well', async () => {
  const activity = await fixture.openActivity({ total: 2 });
  await buyTwo(activity);
  await eventually(async () => (await stockOf(activity))[1] === 2, slowly);
  const oversold = () => worker.metric('seckill_oversold_units');
  const change = (units: number) =>
    fixture.db.query('UPDATE activities SET total = ?, sold = ? WHERE id = ?', [units, units, activity]);
  expect(await oversold()).toBe(0);

  // MySQL keeps the sum below the total: somebody would have to change both by hand.
  await change(1);
  await eventually(async () => (await oversold()) === 1, slowly);
  await change(2);
  await eventually(async () => (await oversold()) === 0, slowly);
}, 60_000);

test('a sale that is drained is not looked at any more, and its series are gone', async () => {
  const activity = await fixture.openActivity({ total: 2 });
  await buyTwo(activity);
  await eventually(async () => (await stockOf(activity))[1] === 2, slowly);
  await fixture.db.query('UPDATE activities SET total = 1, sold = 1 WHERE id = ?', [activity]);
  await eventually(async () => (await worker.metric('seckill_oversold_units')) === 1, slowly);

  await fixture.db.query('UPDATE activities SET drained_at = ? WHERE id = ?', [new Date(), activity]);

  await eventually(async () => (await worker.metric('seckill_oversold_units')) === 0, slowly);
  await eventually(
    async () => !(await worker.metrics.registry.metrics()).includes(`activity="${activity}"`),
    slowly,
  );
}, 60_000);
