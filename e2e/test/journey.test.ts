import { spawnSync } from 'node:child_process';
import { openActivity, until } from '../src/activity';
import { registerBuyers, type Buyer } from '../src/buyers';
import { readFacts } from '../src/checks/facts';
import { judge } from '../src/checks/invariants';
import { waitUntilSettled } from '../src/checks/settled';
import { cancel, newHistory, pay, tryToBuy, waitForOrder, type Ticket } from '../src/sale-client';
import { startTestFleet, type TestFleet } from './fleet';
import { listedRoutes } from './pages';

let world: TestFleet;
let buyers: Buyer[];
beforeAll(async () => {
  world = await startTestFleet('journey');
  buyers = await registerBuyers(world.api, 4);
}, 180_000);
afterAll(() => world?.stop(), 120_000);

const read = async <T>(buyer: Buyer, path: string): Promise<T> =>
  world.api.must<T>(`GET ${path}`, { token: buyer.accessToken });
const statusIs = (ticket: Ticket, status: string) =>
  until(
    async () =>
      (await read<{ status: string }>(ticket.buyer, `/api/v1/orders/${ticket.orderNo}`)).status === status,
    20_000,
  );

/** All events of a reservation, once its stream has ended. */
const follow = ({ buyer, reservationId }: Ticket): Promise<unknown[]> =>
  eventsOf(buyer, `/api/v1/seckill/reservations/${reservationId}/events`);

async function eventsOf(buyer: Buyer, path: string): Promise<unknown[]> {
  const url = `${world.fleet.gatewayUrl}${path}`;
  const stream = await fetch(url, { headers: { authorization: `Bearer ${buyer.accessToken}` } });
  return [...(await stream.text()).matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
}

test('one ticket goes from hand to hand: one buyer cancels, one lets it expire, one pays, and the last finds it sold out', async () => {
  const { api, adminToken, servers, fleet } = world;
  const [canceller, sleeper, payer, late] = buyers as [Buyer, Buyer, Buyer, Buyer];
  const activity = await openActivity(api, adminToken, {
    title: 'Journey',
    total: 1,
    perUserLimit: 1,
    paymentTimeoutSeconds: 2,
  });
  const history = newHistory();
  const secret = fleet.mockPaymentSecret;
  const buyWhenFree = async (buyer: Buyer): Promise<Ticket> => {
    let ticket: Ticket | undefined;
    await until(
      async () => (ticket = await tryToBuy(api, activity.id, { buyer, history })) !== undefined,
      20_000,
    );
    if (!ticket) throw new Error(`${buyer.username} got no ticket`);
    await waitForOrder(api, ticket);
    return ticket;
  };

  const first = await buyWhenFree(canceller);
  const told = follow(first);
  expect((await cancel(api, first)).status).toBe(200);
  expect((await told).at(-1)).toMatchObject({ id: first.reservationId, status: 'RELEASED' });
  const second = await buyWhenFree(sleeper);
  expect(await statusIs(second, 'CANCELLED')).toBe(true);
  const third = await buyWhenFree(payer);
  expect(await pay(api, third, { history, secret })).toBe(true);
  expect(await statusIs(third, 'PAID')).toBe(true);
  expect(await tryToBuy(api, activity.id, { buyer: late, history })).toBeUndefined();

  const scope = { servers, namespace: fleet.namespace, activityId: activity.id };
  expect(await waitUntilSettled({ ...scope, limitMs: 30_000 })).toBe(true);
  const facts = await readFacts(scope);
  const accepted = history.accepted.map(({ reservationId, orderNo }) => ({ reservationId, orderNo }));
  expect(
    judge(facts, { accepted, paidOrders: history.paidOrders }).filter((verdict) => !verdict.holds),
  ).toEqual([]);
  const inbox = await until(
    async () =>
      (await read<{ items: { kind: string }[] }>(payer, '/api/v1/notifications')).items.some(
        (item) => item.kind === 'order.paid',
      ),
    20_000,
  );
  expect(inbox).toBe(true);
  expect(
    (await read<{ status: string }>(canceller, `/api/v1/seckill/reservations/${first.reservationId}`)).status,
  ).toBe('RELEASED');
}, 120_000);

test('an operator pauses a sale, takes units out of it and puts some back: shop and sale agree on each', async () => {
  const { api, adminToken, servers, fleet } = world;
  const [buyer] = buyers as [Buyer];
  const activity = await openActivity(api, adminToken, {
    title: 'Controlled',
    total: 10,
    perUserLimit: 1,
    paymentTimeoutSeconds: 600,
  });
  const history = newHistory();
  const control = (verb: string, body: object = {}) =>
    api.must<{ status: string; total: number; remaining: number }>(
      `POST /api/v1/admin/seckill/activities/${activity.id}/${verb}`,
      { token: adminToken, body },
    );

  expect(await control('pause', { reason: 'a hall is closed' })).toMatchObject({ status: 'PAUSED' });
  expect(await tryToBuy(api, activity.id, { buyer, history })).toBeUndefined();
  expect(await control('stock', { delta: -4, reason: 'a hall is closed' })).toMatchObject({ total: 6 });
  expect(await control('stock', { delta: 3, reason: 'it opens again' })).toMatchObject({ remaining: 9 });
  expect(await control('resume')).toMatchObject({ status: 'OPEN' });
  const ticket = await tryToBuy(api, activity.id, { buyer, history });
  if (!ticket) throw new Error('nothing was sold');
  await waitForOrder(api, ticket);
  expect(await pay(api, ticket, { history, secret: fleet.mockPaymentSecret })).toBe(true);

  const scope = { servers, namespace: fleet.namespace, activityId: activity.id };
  expect(await waitUntilSettled({ ...scope, limitMs: 30_000 })).toBe(true);
  const facts = await readFacts(scope);
  expect(facts).toMatchObject({ total: 9, free: 8, sold: 1, stock: { free: 1, reserved: 9 } });
  expect(
    judge(facts, { accepted: history.accepted, paidOrders: history.paidOrders }).filter(
      ({ holds }) => !holds,
    ),
  ).toEqual([]);
}, 60_000);

test('buyers wait in line, are let in one by one, and buy; the record of the sale has all of it', async () => {
  const { api, adminToken, fleet } = world;
  const plan = { title: 'Waiting room', total: 10, perUserLimit: 1, paymentTimeoutSeconds: 600 };
  const { id } = await openActivity(api, adminToken, { ...plan, waitingRoomRate: 1 });
  const sale = `/api/v1/seckill/activities/${id}`;
  const sold: string[] = [];

  const last = buyers.map(async (buyer) => {
    const token = buyer.accessToken;
    const { ticket } = await api.must<{ ticket: string }>(`POST ${sale}/queue`, { token });
    const told = await eventsOf(buyer, `${sale}/queue/events?ticket=${ticket}`);
    const headers = { 'x-queue-ticket': ticket };
    expect(await api.must(`GET ${sale}/queue`, { token, headers })).toMatchObject({ status: 'ADMITTED' });
    const asked = { token, headers, body: {} };
    const { token: purchaseToken } = await api.must<{ token: string }>(`POST ${sale}/token`, asked);
    const bought = { token, body: { token: purchaseToken } };
    sold.push((await api.must<{ reservation_id: string }>(`POST ${sale}/buy`, bought)).reservation_id);
    return told.at(-1);
  });

  expect(await Promise.all(last)).toEqual(buyers.map(() => expect.objectContaining({ status: 'ADMITTED' })));
  expect(new Set(sold).size).toBe(buyers.length);
  const verify = () =>
    spawnSync(process.execPath, [require.resolve('../../seckill-service/dist/verify-sale.js'), id], {
      encoding: 'utf8',
      env: fleet.environments['seckill-service'],
    });
  expect(
    await until(() => Promise.resolve(verify().stdout.includes(`${buyers.length} units sold`)), 20_000),
  ).toBe(true);
  expect(verify()).toMatchObject({ status: 0, stdout: expect.stringContaining('4 places admitted') });
}, 60_000);

test('a newcomer sees the fleet in good health', async () => {
  const health = await world.api.call<unknown>('GET /health');

  expect(health.status).toBe(200);
});

interface Operation {
  security?: { bearer: string[] }[];
}

/** As docs/api.md has it. */
function authOf({ security }: Operation): string {
  if (!security) return '—';
  const permissions = security.flatMap(({ bearer }) => bearer);
  return permissions.length > 0 ? `A:${permissions.join(',')}` : 'U';
}

test('the document has every route that the page of the public API lists, for whom it says, and no other', async () => {
  const answer = await fetch(`${world.fleet.gatewayUrl}/openapi.json`);
  const { paths } = (await answer.json()) as { paths: Record<string, Record<string, Operation>> };
  const published = Object.entries(paths).flatMap(([at, operations]) =>
    Object.entries(operations).map(
      ([method, operation]) =>
        `${method.toUpperCase()} ${at.replace(/\{(\w+)\}/g, ':$1')} ${authOf(operation)}`,
    ),
  );

  // OpenAPI has no word for a signature over the body.
  const listed = listedRoutes().map(({ at, auth }) => `${at} ${auth === 'S' ? '—' : auth}`);
  expect(published.sort()).toEqual(listed.sort());
});
