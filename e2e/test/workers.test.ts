import { randomUUID } from 'node:crypto';
import { processNames, services } from '../../deploy/local/fleet';
import { openActivity, until } from '../src/activity';
import { createApi, type Api } from '../src/api';
import { logInSeeded, seedBuyers, type Buyer } from '../src/buyers';
import { readFacts } from '../src/checks/facts';
import { judge } from '../src/checks/invariants';
import { waitUntilSettled } from '../src/checks/settled';
import { inParallel } from '../src/parallel';
import { newHistory, tryToBuy, type SaleHistory } from '../src/sale-client';
import { startTestFleet, type TestFleet } from './fleet';
import { beginPurchase, doubledIn, gatewayOf, isRefused } from './gateway-workers';
import { listedMetrics, parsePage, unlisted } from './metrics-page';

const everybody = { address: null };
const window = { quota: 100, window_seconds: 600 };
const bucket = { rate: 100, burst: 400 };
const rateLimits = {
  read: everybody,
  write: everybody,
  buy: everybody,
  register: { address: window },
  callback: { address: bucket },
};

let world: TestFleet;
let gateway: ReturnType<typeof gatewayOf>;
let buyers: Buyer[];
/** Each has a connection of its own; the primary deals them out in turn. */
let clients: Api[];
beforeAll(async () => {
  const environment = { WORKERS: '2', LOG_LEVEL: 'info', RATE_LIMITS: JSON.stringify(rateLimits) };
  world = await startTestFleet('workers', { gateway: environment });
  const { servers, api, fleet } = world;
  gateway = gatewayOf(fleet);
  clients = Array.from({ length: 16 }, () => createApi(fleet.gatewayUrl, 1));
  const seeded = await seedBuyers({ servers, namespace: fleet.namespace, count: 80, prefix: 'workers' });
  buyers = await logInSeeded(api, seeded);
}, 180_000);
afterAll(async () => {
  await Promise.all(clients?.map((client) => client.close()) ?? []);
  await world?.stop();
}, 120_000);

const plan = (title: string, total: number) =>
  openActivity(world.api, world.adminToken, {
    title,
    total,
    perUserLimit: 1,
    paymentTimeoutSeconds: 3_600,
  });
const bothAnswered = (path: string, status: number) => {
  const answered = () => gateway.whoServed((line) => line.path === path && line.status === status);
  return until(() => Promise.resolve(answered().size === 2), 10_000, 50);
};

/** Every rule that does not hold of an activity, once nothing of it is on its way. */
async function brokenRules(activityId: string, { accepted, paidOrders }: SaleHistory) {
  const scope = { servers: world.servers, namespace: world.fleet.namespace, activityId };
  expect(await waitUntilSettled({ ...scope, limitMs: 60_000, unpaidMayRemain: true })).toBe(true);
  const verdicts = judge(await readFacts(scope), { accepted, paidOrders });
  return verdicts.filter(({ holds }) => !holds);
}

test('a sale through two workers: both sell, nothing is oversold or lost, and one page counts it all', async () => {
  const activity = await plan('Workers', 40);
  const history = newHistory();
  const path = `/api/v1/seckill/activities/${activity.id}/buy`;

  await inParallel(buyers, 40, (buyer) => tryToBuy(world.api, activity.id, { buyer, history }));

  expect(history.accepted).toHaveLength(40);
  expect(await brokenRules(activity.id, history)).toEqual([]);
  expect(await bothAnswered(path, 202)).toBe(true);
  expect(gateway.whoServed((line) => line.path === path)).toEqual(new Set(gateway.workers()));
  const tries = history.tries + (history.refused.get('try again (503)') ?? 0);
  expect(
    await gateway.metric('http_server_duration_seconds_count', 'route="/api/v1/seckill/activities/:id/buy"'),
  ).toBe(tries);
}, 60_000);

test('what every process serves is what docs/metrics.md lists, and no other', async () => {
  const pages = await Promise.all(
    processNames.map(async (name) => {
      const answer = await fetch(`http://127.0.0.1:${world.fleet.ports[name]?.management}/metrics`);
      return {
        service: name === 'seckill-worker' ? 'seckill-service' : name,
        ...parsePage(await answer.text()),
      };
    }),
  );

  for (const service of services) {
    const ofService = pages.filter((page) => page.service === service);
    const listed = listedMetrics(service);
    const types = new Map(ofService.flatMap((page) => [...page.types]));
    expect([service, types]).toEqual([service, new Map(listed.map(({ name, type }) => [name, type]))]);
    expect(ofService.flatMap((page) => unlisted(listed, page))).toEqual([]);
  }
});

test('the workers share a limit: together they give what one would', async () => {
  const many = createApi(world.fleet.gatewayUrl, 64);
  const admittedOf = async (requests: number, at: string) => {
    const statuses = await inParallel(Array.from({ length: requests }), 64, async () => {
      const { status } = await many.call(at, { body: {} });
      return status;
    });
    return statuses.filter((status) => status !== 429).length;
  };

  const inWindow = await admittedOf(300, 'POST /api/v1/user/register');
  const began = performance.now();
  const ofBucket = await admittedOf(1_200, 'POST /api/v1/payment/callback/mock');
  const seconds = (performance.now() - began) / 1_000;
  await many.close();

  expect(inWindow).toBe(window.quota);
  expect(ofBucket).toBeLessThanOrEqual((bucket.burst + bucket.rate * seconds) * 1.01);
  // What is divided over the workers fills up as they learn of each other; the other half is there at once.
  expect(ofBucket).toBeGreaterThanOrEqual(bucket.burst / 2);
  expect(await bothAnswered('/api/v1/user/register', 429)).toBe(true);
  expect(await bothAnswered('/api/v1/payment/callback/mock', 429)).toBe(true);
}, 60_000);

test('a session that ends through one worker has ended for both', async () => {
  const token = buyers[0]?.accessToken ?? '';
  const ask = () =>
    Promise.all(
      clients.map(async (client) => (await client.call('GET /api/v1/user/profile', { token })).status),
    );
  const before = await ask();

  const { status } = await (clients[0] as Api).call('POST /api/v1/user/logout', { token });
  const isOver = await until(async () => (await ask()).every((status) => status === 401), 5_000, 20);

  expect(before).toEqual(clients.map(() => 200));
  expect(status).toBe(200);
  expect(isOver).toBe(true);
  expect(await bothAnswered('/api/v1/user/profile', 401)).toBe(true);
}, 30_000);

test('kill -9 of a worker: the other goes on, a new one takes its place, and the page of metrics stays one', async () => {
  const [first = 0] = gateway.workers();
  const primary = gateway.primary();
  const countServed = () => gateway.metric('http_server_duration_seconds_count');
  const before = await countServed();

  process.kill(first, 'SIGKILL');
  const path = '/api/v1/seckill/activities';
  const isDone = await until(async () => {
    // Whoever was connected to it has to connect again.
    await Promise.all(clients.map((client) => client.call(`GET ${path}`).catch(() => undefined)));
    return gateway.workers().length === 3 && (await gateway.readiness()) === 200;
  }, 30_000);
  const fresh = await Promise.all(
    Array.from({ length: 16 }, async () => {
      const client = createApi(world.fleet.gatewayUrl, 1);
      const answer = await client.call(`GET ${path}`, {
        headers: { 'x-request-id': `fresh-${randomUUID()}` },
      });
      await client.close();
      return answer.status;
    }),
  );

  expect(isDone).toBe(true);
  expect(fresh).toEqual(fresh.map(() => 200));
  expect(gateway.primary()).toBe(primary);
  const [, ...living] = gateway.workers();
  const served = () => gateway.whoServed(({ request_id: id = '' }) => id.startsWith('fresh-'));
  expect(await until(() => Promise.resolve(served().size === 2), 10_000, 50)).toBe(true);
  expect(served()).toEqual(new Set(living));
  expect(await countServed()).toBeGreaterThan(before);
  expect(doubledIn(await gateway.metrics())).toEqual([]);
  expect(await gateway.metric('worker_restarts_total')).toBe(1);
}, 60_000);

test('SIGTERM: what both workers have begun is answered, then all of it ends', async () => {
  const { fleet } = world;
  const activity = await plan('Drained', 16);
  const late = buyers.slice(1, 17);
  const purchases = await Promise.all(
    late.map((buyer) => beginPurchase(fleet.gatewayUrl, activity.id, buyer.accessToken)),
  );

  const ended = fleet.services['gateway']?.kill('SIGTERM');
  expect(await until(() => isRefused(fleet.ports['gateway']?.http ?? 0), 4_000, 20)).toBe(true);
  const answers = await Promise.all(purchases.map((purchase) => purchase.end()));
  await ended;

  const history = newHistory();
  for (const [index, { data }] of answers.entries())
    history.accepted.push({
      buyer: late[index] as Buyer,
      orderNo: data.order_no,
      reservationId: data.reservation_id,
    });
  expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 202, connection: 'close' })));
  expect(await bothAnswered(`/api/v1/seckill/activities/${activity.id}/buy`, 202)).toBe(true);
  expect(await brokenRules(activity.id, history)).toEqual([]);
  expect(gateway.hasLogged('worker did not end well')).toBe(false);
}, 60_000);
