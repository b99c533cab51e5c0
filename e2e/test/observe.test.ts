import { randomInt, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import mysql from 'mysql2/promise';
import { z } from 'zod';
import { processNames, services as allServices } from '../../deploy/local/fleet';
import { observersUp, watch, type Observed } from '../../deploy/local/observers';
import { openActivity, until } from '../src/activity';
import { registerBuyers, type Buyer } from '../src/buyers';
import { schemaOf } from '../src/environment';
import { newHistory, pay, tryToBuy, waitForOrder } from '../src/sale-client';
import { edgesIn, namesIn, readTraces, type Traces } from '../src/traces';
import { startTestFleet, type TestFleet } from './fleet';
import { createPrometheus } from './prometheus';
import { alertQueries, dashboardQueries, metricsIn, recordingQueries, runbookQueries } from './promql';

const silent = { step: <T>(_name: string, work: () => Promise<T>): Promise<T> => work() };

let observed: Observed;
let traces: Traces;
let world: TestFleet;
let buyer: Buyer;
let unwatch: () => void;
// Jaeger may have to be built.
beforeAll(async () => {
  observed = await observersUp(silent, { isHurried: true });
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

test('every line of every log is an object with the fields of the schema', async () => {
  const { logFolder } = world.fleet;
  const files = (await readdir(logFolder)).filter((file) => file.endsWith('.log'));
  const schema = z.looseObject({
    level: z.enum(['debug', 'info', 'warn', 'error', 'fatal']),
    time: z.iso.datetime({ precision: 3 }),
    service: z.enum(allServices as [string, ...string[]]),
    pid: z.int().positive(),
    msg: z.string().min(1),
    request_id: z.string().min(1).optional(),
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
  });

  for (const file of files) {
    const lines = (await readFile(path.join(logFolder, file), 'utf8')).trimEnd().split('\n');
    for (const line of lines) expect(() => schema.parse(JSON.parse(line))).not.toThrow();
  }
  expect(files.map((file) => path.basename(file, '.log')).toSorted()).toEqual(processNames.toSorted());
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

/** What a fleet shows nothing of until something happens to it. That there is such a metric is looked up all the same. */
const quiet = {
  'code="500"': 'nothing is thrown that nobody foresees',
  worker_restarts_total: 'the gateway has no workers',
  probe_ssl_earliest_cert_expiry: 'nobody looks at a certificate here',
  seckill_waiting: 'the sale has no waiting room',
  seckill_admission_rate: 'the sale has no waiting room',
  seckill_operations_total: 'nobody operates the sale',
  gateway_connections_refused_total: 'nobody comes too often',
  gateway_rate_limited_total: 'nobody comes too often',
  gateway_rate_limit_leases_total: 'nobody comes often enough',
  gateway_tokens_refused_total: 'all have good tokens',
  gateway_bad_requests_total: 'all requests are fit to be served',
  gateway_upstream_retries_total: 'the first attempt succeeds',
};
/** And what no process here declares. */
const notHere = ['worker_restarts_total', 'probe_ssl_earliest_cert_expiry'];

test('every query of dashboards, rules and runbook is answered, with series unless it is of what has not happened, and of metrics that there are', async () => {
  const prometheus = createPrometheus(observed.urls.prometheus);
  const { namespace } = world.fleet;
  const shown = [...recordingQueries(), ...alertQueries(), ...dashboardQueries(namespace)];
  const isQuiet = (expr: string) => Object.keys(quiet).some((part) => expr.includes(part));
  const missing = async () => {
    // Somebody looks: a rate of nothing would be no number.
    await world.api.must('GET /api/v1/seckill/activities');
    return prometheus.withoutSeries(shown.filter(({ expr }) => !isQuiet(expr)));
  };

  await until(async () => (await missing()).length === 0, 30_000, 2_000);
  expect(await missing()).toEqual([]);
  await until(async () => (await readsBurn()) === '0', 30_000, 2_000);
  expect(await readsBurn()).toBe('0');
  const all = [...shown, ...runbookQueries()];
  await prometheus.withoutSeries(all);
  const named = new Set(all.flatMap(({ expr }) => metricsIn(expr)));
  const known = await prometheus.knownMetrics();
  expect([...named].filter((name) => !known.has(name))).toEqual(notHere);
  expect(named.size).toBeGreaterThan(60);

  /** 0, and not unknown: there were reads, and none failed. */
  async function readsBurn(): Promise<string | undefined> {
    await world.api.must('GET /api/v1/seckill/activities');
    const [burn] = await prometheus.query(`slo:burn:rate5m{slo="reads",namespace="${namespace}"}`);
    return burn?.value[1];
  }
}, 120_000);

interface Alert {
  name: string;
  status: string;
  labels: Record<string, string>;
  runbook_url: string;
}

test('a process that dies and a journal that is off are in the inbox of operators while it lasts', async () => {
  const { api, adminToken, fleet, servers } = world;
  const inbox = async (status: string) => {
    const { items } = await api.must<{ items: Alert[] }>(
      `GET /api/v1/admin/alerts?status=${status}&page_size=100`,
      { token: adminToken },
    );
    return items;
  };
  const has = (alerts: Alert[], name: string) => alerts.some((alert) => alert.name === name);
  const both = async (status: string) => {
    const alerts = await inbox(status);
    return has(alerts, 'ProcessDown') && has(alerts, 'JournalUnbalanced');
  };
  const db = await mysql.createConnection(servers.MYSQL_ADMIN_URL);
  const book = (column: 'debit' | 'credit') =>
    db.query(
      `INSERT INTO ${schemaOf(fleet.namespace, 'payment')}.journal_entries (entry_id, account, debit, credit, reference, booked_at)
        VALUES (?, 'by-hand', ?, ?, 'by-hand', ?)`,
      [column, Number(column === 'debit'), Number(column === 'credit'), new Date(Date.now() - 3_600_000)],
    );

  await fleet.services['product-service']?.kill('SIGKILL');
  await book('debit');
  // Where Prometheus ran before this test it is in no hurry.
  await until(() => both('firing'), 150_000, 500);
  const fired = await inbox('firing');
  await fleet.services['product-service']?.restart();
  await book('credit');
  await until(() => both('resolved'), 150_000, 500);
  await db.end();

  expect(fired.find(({ name }) => name === 'ProcessDown')).toMatchObject({
    labels: { process: 'product-service', namespace: fleet.namespace, severity: 'page' },
    runbook_url: 'docs/runbook.md#processdown',
  });
  expect(fired.find(({ name }) => name === 'JournalUnbalanced')?.labels).toMatchObject({ severity: 'page' });
  const ended = await inbox('resolved');
  expect(ended.filter(({ labels }) => labels['process'] === 'product-service')).toHaveLength(1);
  expect(has(ended, 'JournalUnbalanced')).toBe(true);
  expect(has(await inbox('firing'), 'JournalUnbalanced')).toBe(false);
}, 330_000);
