import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { inTransaction } from '@onrush/chassis/mysql';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { roomMarks } from '../src/data/room-marks';
import { warmUp } from '../src/use-cases/warm-up';
import { activityBody } from './fixture';
import { startReconcileFixture, type ReconcileFixture } from './reconcile-fixture';
import type { StoppedChild } from './stopped-child';

let fixture: ReconcileFixture;
beforeAll(async () => {
  fixture = await startReconcileFixture('stopped', { role: 'api' });
}, 60_000);
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await fixture.stop();
});

/** A process that has stopped itself with a lock in its hand. */
async function stopAt(step: StoppedChild['step'], activityId: string): Promise<ChildProcess> {
  const { mysqlUrl, mysqlType, redisUrl } = fixture.config;
  const wanted = { mysqlUrl, mysqlType, redisUrl, namespace: fixture.namespace, activityId, step };
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--conditions=onrush-src'],
      `${__dirname}/stopped-child.ts`,
      JSON.stringify(wanted satisfies StoppedChild),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  children.push(child);
  let said = '';
  child.stderr.on('data', (text) => (said += String(text)));
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(said))),
  ]);
  return child;
}

/** The code with which it ends once it goes on. */
async function wake(child: ChildProcess): Promise<unknown> {
  const exit = once(child, 'exit');
  child.kill('SIGCONT');
  return (await exit)[0];
}

const plan = async (changes: object = {}) =>
  (
    await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
      user: admin,
      body: activityBody({ total: 10, ...changes }),
    })
  ).body.data.id;

test('a worker that is stopped while it warms up, measures or admits keeps nobody waiting for good, and does no harm when it wakes up', async () => {
  const room = { waiting_room: { rate: 100, opens_minutes: 5 } };
  const [warming, measured, admitting] = [
    await plan(),
    await fixture.openActivity(),
    await fixture.openActivity(room),
  ];
  const entered = await fixture.http.call(`POST /api/v1/seckill/activities/${admitting}/queue`, {
    user: buyer(1),
  });
  expect(entered.status).toBeLessThan(300);
  const stopped = [
    await stopAt('warm-up', warming),
    await stopAt('measurement', measured),
    await stopAt('admission', admitting),
  ];
  const { deps } = fixture;
  const products = {
    find: () => Promise.resolve(undefined),
    reserveForActivity: () => Promise.resolve(),
    resizeReservation: () => Promise.resolve(true),
  };

  const [{ live }] = await Promise.all([
    warmUp({ ...deps, products, stockBuckets: 1, onWarmedUp: () => Promise.resolve() }, warming),
    inTransaction(deps.db, (tx) => deps.activities.lock(tx, measured)),
    inTransaction(deps.db, (tx) => roomMarks.lock(tx, admitting)),
  ]);

  expect(live).toMatchObject({ epoch: 2, remaining: 10, status: 'OPEN' });
  expect(await Promise.all(stopped.map(wake))).toEqual([1, 1, 1]);
  expect(await fixture.sales.read(warming)).toMatchObject({ epoch: 2, remaining: 10, status: 'OPEN' });
  expect((await fixture.activity(warming)).epoch).toBe(2);
}, 60_000);
