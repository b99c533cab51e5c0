import { silentLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { ledgerCount } from '../src/data/ledger-count';
import { createAcceptedPurchases } from '../src/use-cases/keep-accepted';
import {
  startReconcileFixture,
  takeRedisDatabase,
  usersFrom,
  type ReconcileFixture,
} from './reconcile-fixture';

const database = 12;
let fixture: ReconcileFixture;
beforeAll(async () => {
  takeRedisDatabase(database);
  fixture = await startReconcileFixture('accepted', { role: 'api', handOverMs: 300 });
}, 60_000);
afterAll(() => fixture.stop());

const keeperOf = (limit: number) => createAcceptedPurchases({ ...fixture.deps, logger: silentLogger, limit });
const batchOf = (sale: string, entryId: string, users: number[]) => ({
  sale,
  epoch: 1,
  entryId,
  values: users.flatMap((user) => [user, 1, '', 500_000 + user, 400_000 + user, '']),
});

/** What a relay does before it takes an entry out of the stream. */
const writeDown = (activityId: string, users: number[]) =>
  fixture.db.query(
    'INSERT INTO reservations (id, activity_id, user_id, order_no, quantity, status, batch_id, reserved_at, updated_at) VALUES ?',
    [
      users.map((user) => [
        500_000 + user,
        activityId,
        user,
        400_000 + user,
        1,
        'QUEUED',
        '1-1',
        new Date(),
        new Date(),
      ]),
    ],
  );

/** As when another server takes over. */
async function breakConnections(): Promise<void> {
  const { redis } = fixture.redis;
  const clients = String(await redis.client('LIST')).split('\n');
  const own = clients.filter(
    (line) => line.includes(` db=${database} `) && line.includes('name=seckill-service '),
  );
  expect(own.length).toBeGreaterThan(1);
  for (const line of own) await redis.client('KILL', 'ID', /^id=(\d+)/.exec(line)?.[1] ?? '');
}

test('a replica takes over that lacks what nobody had read: the process that accepted it hands it over again', async () => {
  const { redis } = fixture.redis;
  const activityId = await fixture.openActivity({ total: 200 });
  await fixture.sell(activityId, usersFrom(1_000, 50));
  const parts = (['state', 'buyers', 'stream'] as const).map((part) => fixture.key(activityId, part));
  const dumps = await Promise.all(parts.map((part) => redis.dumpBuffer(part)));
  const accepted = await fixture.sell(activityId, usersFrom(2_000, 100));

  const restore = redis.multi();
  parts.forEach((part, index) => restore.restore(part, 0, dumps[index] ?? '', 'REPLACE'));
  await restore.exec();
  await breakConnections();
  await eventually(async () => (await fixture.sales.read(activityId))?.remaining === 50);
  await fixture.startWorker();

  const view = await eventually(async () => {
    const now = await fixture.atRest(activityId);
    return now.equation.queued === 150 && now;
  });
  expect(view).toMatchObject({ status: 'BALANCED', epoch: 1, equation: { free: 50 } });
  const ends = await Promise.all(
    [...accepted].map(
      async ([user, { reservation_id: id }]) => (await fixture.reservation(id, user)).body.data.status,
    ),
  );
  expect(new Set(ends)).toEqual(new Set(['QUEUED']));
}, 60_000);

test('where nothing is free any more, what was accepted is handed over all the same', async () => {
  const activityId = await fixture.openActivity({ total: 1 });
  await fixture.redis.redis.hset(fixture.key(activityId, 'state'), 'stock', '0');
  const keeper = keeperOf(1_000);
  keeper.keep({ ...batchOf(activityId, '1-1', [61, 62]), epoch: 0 });

  await keeper.check();

  expect(await fixture.sales.reservationsOf(activityId, '61')).toHaveLength(1);
  expect(await fixture.sales.reservationsOf(activityId, '62')).toHaveLength(1);
  expect(await fixture.sales.waitingInStream(activityId)).toBe(1);
  expect(await fixture.sales.read(activityId)).toMatchObject({ remaining: 0 });
});

test('what the relay has read and removed is not kept; what still waits is, and what went away unread', async () => {
  const { redis } = fixture.redis;
  const activityId = await fixture.openActivity({ total: 100 });
  const keeper = keeperOf(1_000);
  const stream = fixture.key(activityId, 'stream');
  const entries: string[] = [];
  for (const user of [1, 2, 3]) {
    const value = `${user}:${400_000 + user}:1:`;
    entries.push((await redis.xadd(stream, '*', 'epoch', '1', String(500_000 + user), value)) ?? '');
    keeper.keep(batchOf(activityId, entries.at(-1) ?? '', [user]));
  }
  await redis.xgroup('CREATE', stream, 'seckill-service', '0');

  const sizes: number[] = [];
  const check = async () => {
    await keeper.check();
    sizes.push(keeper.size());
  };
  await check();
  await redis.xreadgroup('GROUP', 'seckill-service', 'a-relay', 'COUNT', 2, 'STREAMS', stream, '>');
  await check();
  await writeDown(activityId, [1, 2]);
  await redis.xdel(stream, entries[0] ?? '', entries[1] ?? '');
  await check();
  await redis.xdel(stream, entries[2] ?? '');
  await check();

  expect(sizes).toEqual([3, 3, 1, 1]);
}, 30_000);

describe('somebody took an entry out of the stream before it was written down', () => {
  async function takeOut(user: number): Promise<[string, ReturnType<typeof keeperOf>]> {
    const { redis } = fixture.redis;
    const activityId = await fixture.openActivity({ total: 100 });
    const keeper = keeperOf(1_000);
    const stream = fixture.key(activityId, 'stream');
    const purchase = [String(500_000 + user), `${user}:${400_000 + user}:1:`] as const;
    const entry = (await redis.xadd(stream, '*', 'epoch', '1', ...purchase)) ?? '';
    keeper.keep(batchOf(activityId, entry, [user]));
    await redis.xgroup('CREATE', stream, 'seckill-service', '0');
    await redis.xreadgroup('GROUP', 'seckill-service', 'a-relay', 'COUNT', 1, 'STREAMS', stream, '>');
    await redis.xdel(stream, entry);
    return [activityId, keeper];
  }

  test('where Redis does not know its buyer either, it is put there again', async () => {
    const [activityId, keeper] = await takeOut(71);

    await keeper.check();

    expect(keeper.size()).toBe(1);
    expect(await fixture.sales.waitingInStream(activityId)).toBe(1);
  });

  test('where Redis knows its buyer, it is kept until the ledger has it', async () => {
    const [activityId, keeper] = await takeOut(72);
    await fixture.redis.redis.hset(fixture.key(activityId, 'buyers'), '72', '500072:400072:1::L');

    await keeper.check();
    await keeper.check();
    const before = keeper.size();
    await writeDown(activityId, [72]);
    await keeper.check();

    expect([before, keeper.size()]).toEqual([1, 0]);
  });

  test('where the ledger gets it between the two questions, it is not kept, and nothing is adopted', async () => {
    const [activityId, keeper] = await takeOut(73);
    jest.spyOn(ledgerCount, 'hasAll').mockImplementationOnce(async () => {
      await writeDown(activityId, [73]);
      return false;
    });

    await keeper.check();

    expect(keeper.size()).toBe(0);
    expect(await fixture.sales.waitingInStream(activityId)).toBe(0);
  });
});

test('while Redis has lost the sale, nothing of it is forgotten', async () => {
  const activityId = await fixture.openActivity({ total: 100 });
  const keeper = keeperOf(1_000);
  keeper.keep(batchOf(activityId, '5-0', [10]));
  await fixture.redis.redis.del(fixture.key(activityId, 'state'));

  await keeper.check();

  expect(keeper.size()).toBe(1);
});

test('beyond the limit, the oldest are not kept', () => {
  const keeper = keeperOf(5);

  for (const entryId of ['1-0', '2-0', '3-0']) keeper.keep(batchOf('1', entryId, [1, 2]));

  expect(keeper.size()).toBe(4);
});

test('a live sale that cannot be asked keeps the check from no other', async () => {
  const activityId = await fixture.openActivity({ total: 100 });
  // The relay has read further than what is kept below.
  await fixture.sell(activityId, [9]);
  await fixture.atRest(activityId);
  await writeDown(activityId, [82, 83]);
  const { upkeep } = fixture.deps;
  const progress = (sale: string) =>
    sale === '1:0' ? Promise.reject(new Error('away')) : upkeep.progress(sale);
  const deps = { ...fixture.deps, upkeep: { ...upkeep, progress } };
  const keeper = createAcceptedPurchases({ ...deps, logger: silentLogger, limit: 10 });
  keeper.keep(batchOf('1:0', '1-0', [1]));
  keeper.keep(batchOf(activityId, '1-0', [82, 83]));

  await expect(keeper.check()).rejects.toThrow('some live sales were not asked');

  expect(keeper.size()).toBe(1);
});
