import { eventually } from '@onrush/chassis/testing/wait';
import type { TestService } from '@onrush/chassis/testing/service';
import type { Config } from '../src/config';
import {
  startReconcileFixture,
  takeRedisDatabase,
  usersFrom,
  type ReconcileFixture,
} from './reconcile-fixture';

let fixture: ReconcileFixture;
beforeAll(async () => {
  takeRedisDatabase(13);
  const often = { guardMs: 300, handOverMs: 1_000, reconcileSeconds: 2 };
  fixture = await startReconcileFixture('faults', { role: 'api', ...often });
}, 60_000);
afterAll(() => fixture.stop());

/** What may happen to a sale, one after the other; two workers carry on what the api accepts. */
function faultsOf(activityId: string, workers: TestService<Config>[]): (() => Promise<unknown>)[] {
  const { redis } = fixture.redis;
  const [state, buyers, stream] = (['state', 'buyers', 'stream'] as const).map((part) =>
    fixture.key(activityId, part),
  ) as [string, string, string];
  let replica: (Buffer | null)[] = [];
  return [
    () => redis.flushdb(),
    async () => {
      replica = await Promise.all([state, buyers, stream].map((key) => redis.dumpBuffer(key)));
    },
    () => redis.hincrby(state, 'stock', 40),
    async () => {
      await workers.shift()?.stop();
      workers.push(await fixture.startWorker());
    },
    () => redis.del(buyers),
    async () => {
      const takeOver = redis.multi();
      for (const [index, key] of [state, buyers, stream].entries())
        takeOver.restore(key, 0, replica[index] ?? '', 'REPLACE');
      await takeOver.exec();
    },
    () => redis.del(stream),
    () => redis.hset(state, 'stock', 'abc'),
    () => redis.flushdb(),
    () => redis.del(state),
  ];
}

test('whatever happens to Redis during one sale, everybody who was told yes comes to an end, and no ticket is sold twice', async () => {
  const total = 4_000;
  const activityId = await fixture.openActivity({ total });
  const workers = [await fixture.startWorker(), await fixture.startWorker()];
  const faults = faultsOf(activityId, workers);
  const every = Math.floor(total / (faults.length + 1));
  let accepted = 0;

  const bought = await fixture.sell(activityId, usersFrom(1_000, 5_000), async () => {
    accepted += 1;
    if (accepted % every === 0) await faults.shift()?.();
  });
  const { view, rows, ends } = await eventually(
    async () => {
      const now = await fixture.reconciliation(activityId);
      if (now.status !== 'BALANCED' || now.equation.in_stream > 0) return false;
      const found = await fixture.db.query<{ id: string; user_id: string; status: string }[]>(
        'SELECT id, user_id, status FROM reservations WHERE activity_id = ?',
        [activityId],
      );
      const statusOf = new Map(found.map(({ id, status }) => [id, status]));
      const reached = [...bought.values()].map(({ reservation_id: id }) => statusOf.get(id) ?? 'nowhere');
      // Balanced is also a sale that has just been rebuilt, while the api process has not handed over yet what was lost.
      return !reached.includes('nowhere') && { view: now, rows: found, ends: reached };
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );

  expect(faults).toEqual([]);
  const holders = rows.filter(({ status }) => status === 'QUEUED').map((row) => row.user_id);
  expect(ends.filter((end) => end !== 'QUEUED' && end !== 'REJECTED')).toEqual([]);
  expect(new Set(holders).size).toBe(holders.length);
  expect(view.equation.queued + view.equation.free).toBe(total);
  // What is rejected was sold from a stock that somebody had raised, before it was put right.
  expect(ends.filter((end) => end === 'REJECTED').length).toBeLessThanOrEqual(40);
}, 180_000);
