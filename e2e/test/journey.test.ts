import { openActivity, until } from '../src/activity';
import { registerBuyers, type Buyer } from '../src/buyers';
import { readFacts } from '../src/checks/facts';
import { judge } from '../src/checks/invariants';
import { waitUntilSettled } from '../src/checks/settled';
import { cancel, newHistory, pay, tryToBuy, waitForOrder, type Ticket } from '../src/sale-client';
import { startTestFleet, type TestFleet } from './fleet';

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
  expect((await cancel(api, first)).status).toBe(200);
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

test('a newcomer sees the health, the document and the pages of the gateway', async () => {
  const health = await world.api.call<unknown>('GET /health');
  const document = await fetch(`${world.fleet.gatewayUrl}/openapi.json`).then(
    (answer) => answer.json() as Promise<{ paths: object }>,
  );

  expect(health.status).toBe(200);
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining([
      '/api/v1/orders',
      '/api/v1/seckill/activities/{id}/buy',
      '/api/v1/user/login',
      '/api/v1/notifications',
    ]),
  );
});
