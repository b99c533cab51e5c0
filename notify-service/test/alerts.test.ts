import { createSnowflake } from '@onrush/chassis/snowflake';
import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { admin, buyer, type Answer } from '@onrush/chassis/testing/service';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import { alertInbox } from '../src/handlers/alerts';
import { migrations } from '../src/migrations';
import { recordAlerts } from '../src/use-cases/record-alerts';

interface AlertView {
  id: string;
  name: string;
  status: string;
  summary: string;
  runbook_url: string;
  starts_at: string;
  ends_at: string | null;
  received_at: string;
}

const token = 'a-token-that-only-alertmanager-has-0';

let fixture: ServiceFixture<Config>;
beforeAll(async () => {
  fixture = await startServiceFixture<Config>({
    service: 'notify-service',
    label: 'alerts',
    createApp,
    migrations,
    errors,
    config: { alertWebhookToken: token },
  });
}, 60_000);
beforeEach(() => fixture.db.query('DELETE FROM alerts'));
afterAll(() => fixture.stop());

const notYet = '0001-01-01T00:00:00Z';

/** One alert as Alertmanager 0.25 writes it, with all that we do not read. */
const firing = (fingerprint: string, startsAt = '2027-01-01T00:00:00.123456789Z') => ({
  status: 'firing',
  labels: { alertname: 'ProcessDown', severity: 'page', process: 'order-service' },
  annotations: { summary: 'order-service is down', runbook_url: 'docs/runbook.md#processdown' },
  startsAt,
  endsAt: notYet,
  generatorURL: 'http://127.0.0.1:9090/graph?g0.expr=up',
  fingerprint,
});
const resolved = (fingerprint: string) => ({
  ...firing(fingerprint),
  status: 'resolved',
  endsAt: '2027-01-01T00:05:00Z',
});
const delivery = (...alerts: object[]) => ({
  version: '4',
  groupKey: '{}:{alertname="ProcessDown"}',
  truncatedAlerts: 0,
  status: 'firing',
  receiver: 'operators',
  groupLabels: { alertname: 'ProcessDown' },
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'http://127.0.0.1:9093',
  alerts,
});

/** As Alertmanager does: with its own token, and not by the gateway. */
async function tell(body: unknown, authorization = `Bearer ${token}`): Promise<Answer> {
  const answer = await fetch(`http://127.0.0.1:${fixture.config.httpPort}/internal/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() } as never;
}
const inbox = async (query = '') =>
  (
    await fixture.http.call<{ items: AlertView[]; total: number }>(`GET /api/v1/admin/alerts${query}`, {
      user: admin,
    })
  ).body.data;
const stored = async () => {
  const [row] = await fixture.db.query<{ n: string }[]>('SELECT COUNT(*) AS n FROM alerts');
  return Number(row?.n);
};

test('an alert is in the inbox when it fires, and is the same row when it is resolved', async () => {
  expect((await tell(delivery(firing('00000000000000a1')))).status).toBe(200);
  const fired = await inbox();
  await tell(delivery(resolved('00000000000000a1')));
  const ended = await inbox();

  expect(fired.items).toEqual([
    expect.objectContaining({
      name: 'ProcessDown',
      severity: 'page',
      status: 'firing',
      summary: 'order-service is down',
      runbook_url: 'docs/runbook.md#processdown',
      labels: { alertname: 'ProcessDown', severity: 'page', process: 'order-service' },
      starts_at: '2027-01-01T00:00:00.123Z',
      ends_at: null,
    }),
  ]);
  expect(ended.total).toBe(1);
  expect(ended.items[0]).toMatchObject({
    id: fired.items[0]?.id,
    status: 'resolved',
    ends_at: '2027-01-01T00:05:00.000Z',
    received_at: fired.items[0]?.received_at,
  });
});

test('the same delivery again changes nothing, also ten times at one moment', async () => {
  const body = delivery(firing('00000000000000b1'), firing('00000000000000b2'));
  const reversed = delivery(firing('00000000000000b2'), firing('00000000000000b1'));

  const settled = await releaseTogether(10, (index) => tell(index % 2 ? body : reversed));

  expect(settled.map((each) => each.status === 'fulfilled' && each.value.status)).toEqual(
    Array(10).fill(200),
  );
  expect(await stored()).toBe(2);
});

test('an alert that begins again is another row; the last report of one holds', async () => {
  await tell(delivery(firing('00000000000000c1')));
  await tell(delivery(resolved('00000000000000c1')));
  await tell(delivery(firing('00000000000000c1', '2027-01-01T01:00:00Z')));
  await tell(delivery(firing('00000000000000c1')));

  const { items } = await inbox();

  expect(items.map(({ status, ends_at }) => ({ status, ends_at }))).toEqual([
    { status: 'firing', ends_at: null },
    { status: 'firing', ends_at: null },
  ]);
});

test('what Alertmanager would not send is refused with the field named, and nothing is stored', async () => {
  const good = firing('00000000000000d1');
  const cases: [unknown, string][] = [
    [{ ...delivery(good), version: '3' }, 'version'],
    [{ ...delivery(good), alerts: undefined }, 'alerts'],
    [delivery(), 'alerts'],
    [delivery(good, { ...good, fingerprint: 'xyz' }), 'alerts.1.fingerprint'],
    [delivery({ ...good, status: 'silenced' }), 'alerts.0.status'],
    [delivery({ ...good, labels: { severity: 'page' } }), 'alerts.0.labels.alertname'],
    [delivery({ ...good, labels: { alertname: 'A', severity: 1 } }), 'alerts.0.labels.severity'],
    [delivery({ ...good, annotations: undefined }), 'alerts.0.annotations'],
    [delivery({ ...good, startsAt: 'yesterday' }), 'alerts.0.startsAt'],
    [delivery({ ...good, startsAt: notYet }), 'alerts.0.startsAt'],
    [delivery({ ...resolved('00000000000000d1'), endsAt: notYet }), 'alerts.0.endsAt'],
  ];

  for (const [body, field] of cases) {
    const answer = await tell(body);
    expect({
      problems: problemsWith(answer, 400),
      fields: answer.body.errors?.map((each) => each.field),
    }).toEqual({
      problems: [],
      fields: [field],
    });
  }
  expect((await tell('{"version":')).status).toBe(400);
  expect(await stored()).toBe(0);
});

test('nobody but Alertmanager tells of alerts', async () => {
  const body = delivery(firing('00000000000000e1'));

  for (const authorization of ['', 'Bearer ', `Bearer ${token}x`, `Basic ${token}`])
    expect((await tell(body, authorization)).status).toBe(401);
  const byGateway = await fixture.http.call('POST /internal/alerts', { user: admin, body });

  expect(byGateway.status).toBe(401);
  expect(await stored()).toBe(0);
});

test('where no token is set nobody tells of alerts', async () => {
  await fixture.restart({ alertWebhookToken: '' });
  const answers = [await tell(delivery(firing('00000000000000e2'))), await tell({}, 'Bearer ')];
  await fixture.restart();

  expect(answers.map(({ status }) => status)).toEqual([401, 401]);
});

test('the inbox is for whoever may read alerts, by pages, of one status or of both', async () => {
  for (const bad of badRequestsOf([alertInbox({} as never)], fixture.http, buyer(1)))
    expect({ request: bad.name, problems: problemsWith(await bad.send(), bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  const reader = { ...buyer(2), permissions: ['alert.read'] };
  for (const last of ['1', '2', '3']) await tell(delivery(firing(`00000000000000f${last}`)));
  await tell(delivery(resolved('00000000000000f2')));

  const asReader = await fixture.http.call('GET /api/v1/admin/alerts?page=2&page_size=2', { user: reader });

  expect(asReader.body.data).toMatchObject({ page: 2, page_size: 2, total: 3, items: [{}] });
  expect(await inbox('?status=firing')).toMatchObject({ total: 2, items: [{}, {}] });
  expect(await inbox('?status=resolved')).toMatchObject({ total: 1, items: [{ status: 'resolved' }] });
  for (const query of ['?status=x', '?status=firing&status=resolved', '?page=0', '?page_size=101', '?sort=a'])
    expect((await fixture.http.call(`GET /api/v1/admin/alerts${query}`, { user: admin })).status).toBe(400);
});

test('a text that is too long for its column is cut; a report is a line in the log, as a warning while it fires', async () => {
  const { logger, lines } = recordingLogger();
  const deps = { db: fixture.db, ids: createSnowflake({ workerId: 1 }), logger };
  const report = (status: 'firing' | 'resolved') => ({
    status,
    fingerprint: '00000000000000aa',
    labels: { alertname: '票'.repeat(300), severity: 'page' },
    annotations: { summary: 'x'.repeat(1_000), description: 'y'.repeat(3_000) },
    startsAt: new Date('2027-01-01T00:00:00Z'),
    endsAt: new Date('2027-01-01T00:01:00Z'),
  });

  await recordAlerts(deps, [report('firing')]);
  await recordAlerts(deps, [report('resolved')]);

  expect((await inbox()).items[0]).toMatchObject({ name: '票'.repeat(200), summary: 'x'.repeat(500) });
  expect(lines).toMatchObject([
    { level: 'warn', msg: 'alert firing', severity: 'page' },
    { level: 'info', msg: 'alert resolved', severity: 'page' },
  ]);
});
