import { supervise } from '../../deploy/local/supervise';
import { openActivity, remaining, until } from '../src/activity';
import { logInSeeded, seedBuyers, type Buyer } from '../src/buyers';
import { readFacts } from '../src/checks/facts';
import { judge } from '../src/checks/invariants';
import { waitUntilSettled } from '../src/checks/settled';
import { inParallel } from '../src/parallel';
import { newHistory, tryToBuy } from '../src/sale-client';
import { startTestFleet, type TestFleet } from './fleet';

const tickets = 400;
let world: TestFleet;
let buyers: Buyer[];
beforeAll(async () => {
  // Its stock is in three buckets: what dies is the same, and units on their way between them are among what may get lost.
  const split = { STOCK_BUCKETS: '3' };
  world = await startTestFleet('crash', { 'seckill-service': split, 'seckill-worker': split });
  const { servers, api, fleet } = world;
  buyers = await logInSeeded(
    api,
    await seedBuyers({ servers, namespace: fleet.namespace, count: 600, prefix: 'crash' }),
  );
}, 180_000);
afterAll(() => world?.stop(), 120_000);

test('kill -9 of seckill-service, its worker and order-service in the middle of a sale: nothing oversold, nothing lost, nothing doubled', async () => {
  const { servers, api, adminToken, fleet } = world;
  const activity = await openActivity(api, adminToken, {
    title: 'Crash',
    total: tickets,
    perUserLimit: 1,
    paymentTimeoutSeconds: 3_600,
  });
  const history = newHistory();
  let kills = 0;
  const killed = async (name: string) => {
    const service = fleet.services[name];
    const before = service?.pid();
    await service?.kill('SIGKILL');
    await service?.restart();
    expect(service?.pid()).not.toBe(before);
    kills += 1;
  };
  const killAt = new Map([
    [100, 'seckill-service'],
    [150, 'seckill-worker'],
    [200, 'order-service'],
    [300, 'seckill-service'],
    [350, 'seckill-worker'],
  ]);
  // What is killed a second time has come back from the first.
  const restarts = new Map<string, Promise<void>>();
  const killAfterItsLast = (name: string) =>
    restarts.set(
      name,
      (restarts.get(name) ?? Promise.resolve()).then(() => killed(name)),
    );

  await inParallel(buyers, 32, async (buyer, index) => {
    const victim = killAt.get(index);
    if (victim) killAfterItsLast(victim);
    await tryToBuy(api, activity.id, { buyer, history });
  });
  await Promise.all(restarts.values());

  expect(kills).toBe(killAt.size);
  expect(history.accepted).toHaveLength(tickets);
  expect(await remaining(api, activity.id)).toBe(0);
  const scope = { servers, namespace: fleet.namespace, activityId: activity.id };
  expect(await waitUntilSettled({ ...scope, limitMs: 60_000, unpaidMayRemain: true })).toBe(true);
  const facts = await readFacts(scope);
  expect(facts.orders).toHaveLength(tickets);
  const accepted = history.accepted.map(({ reservationId, orderNo }) => ({ reservationId, orderNo }));
  // An event may be sent twice after a crash; its effect may not: events are counted apart.
  const verdicts = judge(
    { ...facts, events: { ...facts.events, orderCreated: [...new Set(facts.events.orderCreated)] } },
    { accepted, paidOrders: [] },
  );
  expect(verdicts.filter((verdict) => !verdict.holds)).toEqual([]);
}, 180_000);

test('under supervision, what is killed comes back by itself, and what is stopped stays down', async () => {
  const { fleet, api } = world;
  const said: string[] = [];
  const progress = {
    say: (text: string) => void said.push(text),
    step: <T>(_name: string, work: () => Promise<T>) => work(),
  };
  const endWatch = supervise(progress, fleet);
  const { 'order-service': order, 'notify-service': notify } = fleet.services;
  const before = order?.pid() ?? 0;

  await notify?.kill('SIGTERM');
  process.kill(before, 'SIGKILL');

  expect(await until(() => Promise.resolve((order?.pid() ?? before) !== before), 30_000)).toBe(true);
  const health = async () => (await api.call<{ status: string }>('GET /health')).status;
  expect(await until(async () => (await health()) === 200, 30_000)).toBe(true);
  expect(said).toEqual(['✘ order-service died']);
  expect(notify?.pid()).toBeUndefined();
  endWatch();
}, 60_000);
