import { randomInt, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { processNames, services as allServices } from '../../deploy/local/fleet';
import { observersUp, watch, type Observed } from '../../deploy/local/observers';
import { openActivity, until } from '../src/activity';
import { registerBuyers, type Buyer } from '../src/buyers';
import { newHistory, pay, tryToBuy, waitForOrder } from '../src/sale-client';
import { edgesIn, namesIn, readTraces, type Traces } from '../src/traces';
import { startTestFleet, type TestFleet } from './fleet';

const silent = { step: <T>(_name: string, work: () => Promise<T>): Promise<T> => work() };

let observed: Observed;
let traces: Traces;
let world: TestFleet;
let buyer: Buyer;
let unwatch: () => void;
// Jaeger may have to be built.
beforeAll(async () => {
  observed = await observersUp(silent);
  traces = readTraces(observed.urls.jaeger);
  world = await startTestFleet('observe', {}, observed.env);
  unwatch = watch(world.fleet);
  const { api, adminToken, fleet } = world;
  [buyer] = (await registerBuyers(api, 1)) as [Buyer];
  const activity = await openActivity(api, adminToken, {
    title: 'Observed',
    total: 1,
    perUserLimit: 1,
    paymentTimeoutSeconds: 900,
  });
  const history = newHistory();
  const ticket = await tryToBuy(api, activity.id, { buyer, history });
  if (!ticket) throw new Error('nobody got the ticket');
  await waitForOrder(api, ticket);
  await pay(api, ticket, { history, secret: fleet.mockPaymentSecret });
}, 600_000);
afterAll(async () => {
  unwatch?.();
  await world?.stop();
  await observed?.down();
}, 120_000);

const ask = async <T>(url: string): Promise<T> => {
  const answer = await fetch(url);
  return ((await answer.json()) as { data: T }).data;
};

test('every service sends its spans to Jaeger', async () => {
  await until(async () => (await traces.services()).length === allServices.length, 20_000);

  expect((await traces.services()).toSorted()).toEqual(allServices.toSorted());
});

test('a purchase is one trace: from the gateway to its order, and to the message about it', async () => {
  const edges = [
    'gateway → seckill-service',
    'seckill-service → order-service',
    'order-service → notify-service',
    'order-service → seckill-service',
  ];

  const purchase = await traces.connected({ service: 'seckill-service', among: 'order-service' }, edges);

  expect(edgesIn(purchase)).toEqual(new Set(edges));
  expect(namesIn(purchase)).toEqual(
    expect.arrayContaining([
      'POST /api/v1/seckill/activities/:id/buy',
      '/onrush.seckill.v1.SeckillService/BuyStream',
      'record purchases',
      'process seckill.reserved',
      'process order.created',
    ]),
  );
  // The script in Redis, and the order's rows.
  expect(namesIn(purchase)).toEqual(expect.arrayContaining(['evalsha', expect.stringMatching(/^INSERT/)]));
});

test('a payment is one trace: from the gateway to the order that is paid, and to the message about it', async () => {
  const edges = [
    'gateway → payment-service',
    'payment-service → order-service',
    'order-service → notify-service',
    'order-service → product-service',
    'payment-service → notify-service',
  ];

  const payment = await traces.connected({ service: 'payment-service', among: 'order-service' }, edges);

  expect(edgesIn(payment)).toEqual(new Set(edges));
});

test('what somebody says in confidence is in no span, and in no line of a log', async () => {
  const { api, adminToken, adminPassword, fleet } = world;
  const phone = `139${randomInt(1e7, 1e8)}`;
  const secrets: Record<string, string> = {
    phone,
    password: `canary-${randomUUID()}`,
    wrongPassword: `canary-${randomUUID()}`,
    inQuery: `canary-${randomUUID()}`,
    unknownField: `canary-${randomUUID()}`,
    adminPassword,
    adminToken,
    buyerToken: buyer.accessToken,
    paymentSecret: fleet.mockPaymentSecret,
  };
  const { password } = secrets;
  const at = { login: 'POST /api/v1/user/login', register: 'POST /api/v1/user/register' };
  await api.must(at.register, { body: { username: phone, password } });
  await api.call(at.register, { body: { username: phone, password } });
  await api.call(at.register, { body: { username: phone, password, [secrets['unknownField'] ?? '']: 1 } });
  await api.call(at.login, { body: { username: phone, password: secrets['wrongPassword'] } });
  interface Session {
    access_token: string;
    refresh_token: string;
  }
  const session = await api.must<Session>(at.login, { body: { username: phone, password } });
  const body = { refresh_token: session.refresh_token };
  const next = await api.must<Session>('POST /api/v1/auth/refresh', { body });
  // Used a second time it ends its whole family, which is worth a line in the log.
  await api.call('POST /api/v1/auth/refresh', { body });
  Object.assign(secrets, {
    accessToken: session.access_token,
    refreshToken: session.refresh_token,
    nextRefreshToken: next.refresh_token,
  });
  const last = `/api/v1/products/${randomInt(1e9)}`;
  await api.call(`GET ${last}?token=${secrets['inQuery']}`);
  await until(async () => (await traces.text('gateway')).includes(last), 20_000);

  const logs = await Promise.all(
    (await readdir(fleet.logFolder)).map((file) => readFile(path.join(fleet.logFolder, file), 'utf8')),
  );
  const spans = await Promise.all(allServices.map((service) => traces.text(service)));

  const all = [...logs, ...spans].join('\n');
  // The search finds what is there.
  expect(logs.join('')).toContain(last);
  expect(spans.join('')).toContain('/api/v1/user/login');
  const told = Object.entries(secrets).filter(([, secret]) => all.includes(secret));
  expect(told.map(([name]) => name)).toEqual([]);
});

test('Prometheus asks every process, and sees what was sold', async () => {
  const { prometheus } = observed.urls;
  const { namespace } = world.fleet;
  interface Targets {
    activeTargets: { health: string; labels: { process: string; namespace: string } }[];
  }
  const up = async () => {
    const { activeTargets } = await ask<Targets>(`${prometheus}/api/v1/targets`);
    return activeTargets
      .filter(({ health, labels }) => health === 'up' && labels.namespace === namespace)
      .map(({ labels }) => labels.process);
  };
  const published = async (type: string) => {
    const query = encodeURIComponent(`sum(events_published_total{type="${type}",namespace="${namespace}"})`);
    const { result } = await ask<{ result: { value: [number, string] }[] }>(
      `${prometheus}/api/v1/query?query=${query}`,
    );
    return Number(result[0]?.value[1]);
  };

  await until(async () => (await up()).length === processNames.length, 30_000);
  expect((await up()).toSorted()).toEqual(processNames.toSorted());
  // Each process is asked at a moment of its own.
  for (const type of ['order.paid', 'seckill.reserved']) {
    await until(async () => (await published(type)) >= 1, 30_000);
    expect(await published(type)).toBe(1);
  }
});
