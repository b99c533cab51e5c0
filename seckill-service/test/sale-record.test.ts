import { spawnSync } from 'node:child_process';
import { eventually } from '@onrush/chassis/testing/wait';
import { noRecord } from '../src/domain/sale-record';
import { verifySale } from '../src/use-cases/verify-sale';
import type { Bought } from './another-instance';
import { startFixture, type Fixture } from './fixture';
import { tellCancelled } from './order-events';
import { recordedSales } from './recorded-sales';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('salerecord');
}, 60_000);
afterAll(() => fixture.stop());

const { query, verify, buyOne, statusesOf, soldThree } = recordedSales(() => fixture);

test('a sale is recorded batch by batch, and what was given back, each row after the one before', async () => {
  const { activityId } = await soldThree();

  const verdict = await verify(activityId);

  expect(verdict).toMatchObject({ finding: undefined, soldUnits: 3, releasedUnits: 1, head: { seq: 4 } });
  const rows = await query<{ kind: string; previous_hash: string; hash: string }>(
    'SELECT kind, previous_hash, hash FROM sale_records WHERE activity_id = ? ORDER BY seq',
    [activityId],
  );
  expect(rows.map(({ kind }) => kind)).toEqual(['SOLD', 'SOLD', 'SOLD', 'RELEASED']);
  expect(rows.map((row) => row.previous_hash)).toEqual([
    noRecord.hash,
    ...rows.slice(0, -1).map(({ hash }) => hash),
  ]);
});

test('an order that is cancelled twice is recorded once', async () => {
  const { activityId, bought } = await soldThree();
  const [, second] = bought as [Bought, Bought, Bought];

  await tellCancelled(fixture, { ...second, activityId, userId: '2' });
  await tellCancelled(fixture, { ...(bought[2] as Bought), activityId, userId: '3' });
  await eventually(
    async () => (await statusesOf(activityId)).filter(({ status }) => status === 'RELEASED').length === 2,
  );

  expect(await verify(activityId)).toMatchObject({ finding: undefined, releasedUnits: 2, head: { seq: 5 } });
});

test('what MySQL rejects is recorded, too', async () => {
  const activityId = await fixture.openActivity({ total: 1 });
  const state = fixture.sales.streamOf(activityId).replace(':stream', ':state');
  await fixture.redis.redis.hset(state, 'stock', 2);
  await Promise.all([buyOne(activityId, 1), buyOne(activityId, 2)]);
  await eventually(async () => (await statusesOf(activityId)).length === 2);

  const verdict = await eventually(async () => {
    const found = await verify(activityId);
    return found.head.seq === 2 && found;
  });

  expect(verdict).toMatchObject({ finding: undefined, soldUnits: 1 });
});

test('a running sale is verified as it is at one moment', async () => {
  const [lanes, each] = [10, 80];
  const activityId = await fixture.openActivity({ total: lanes * each });
  const lane = async (_: unknown, index: number) => {
    for (let turn = 0; turn < each; turn += 1) await buyOne(activityId, 10 + index * each + turn);
  };
  const rush = Promise.all(Array.from({ length: lanes }, lane));
  const seen: number[] = [];

  while (seen.at(-1) !== lanes * each) {
    const { finding, soldUnits } = await verify(activityId);
    expect(finding).toBeUndefined();
    seen.push(soldUnits);
  }

  await rush;
  expect(new Set(seen).size).toBeGreaterThan(2);
}, 60_000);

test('the command prints the head of a sale that is right, and ends with 1 at the first wrong record of one that is not', async () => {
  const [right, wrong] = [await soldThree(), await soldThree()];
  const { head } = await verify(right.activityId);
  await query(`UPDATE sale_records SET kind = 'X' WHERE activity_id = ? AND seq > 1`, [wrong.activityId]);
  const command = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [require.resolve('tsx/cli'), '--conditions=onrush-src', `${__dirname}/../src/verify-sale.ts`, ...args],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'],
          MYSQL_URL: fixture.config.mysqlUrl,
          MYSQL_TYPE: fixture.config.mysqlType,
        },
      },
    );

  expect(command(right.activityId, '--head', `${head.seq}:${head.hash}`)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining(`head ${head.seq}:${head.hash}`),
  });
  expect(command(wrong.activityId)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`activity ${wrong.activityId}: record 2: changed`),
  });
  expect(command('9')).toMatchObject({ status: 2, stderr: 'verify-sale: there is no activity 9\n' });
});

test('a sale that is not there cannot be verified', async () => {
  expect(await verifySale(fixture.db, { activityId: '9' })).toBeUndefined();
});
