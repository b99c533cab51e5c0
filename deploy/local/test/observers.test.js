'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { planObservers, whatObserversMiss } = require('../observers');
const { alertRouting, rules } = require('../observability');
const { environmentOf } = require('../fleet');
const { configuration } = require('../servers/alertmanager');

const bare = { jaeger: false, prometheus: false, alertmanager: false, apt: false, canBuildJaeger: false };

test('each is taken from the machine, or else installed', () => {
  const fresh = planObservers({ ...bare, apt: true, canBuildJaeger: true });

  expect(planObservers({ ...bare, jaeger: true, prometheus: true, alertmanager: true, apt: true })).toEqual({
    jaeger: 'installed',
    prometheus: 'installed',
    alertmanager: 'installed',
  });
  expect(fresh).toEqual({ jaeger: 'install', prometheus: 'install', alertmanager: 'install' });
  expect(whatObserversMiss(fresh)).toBeUndefined();
});

test('what cannot be had is named, with the ways to get it, and nothing else is', () => {
  const message = whatObserversMiss(planObservers({ ...bare, jaeger: true }));

  expect(message).toMatch(/prometheus on the PATH/);
  expect(message).toMatch(/alertmanager on the PATH/);
  expect(message).not.toMatch(/jaeger/);
});

test('the machine is looked at before anything was installed on it', () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'bare-'));
  const script = `console.log(JSON.stringify(require(${JSON.stringify(require.resolve('../observers'))}).planObservers()))`;

  const plan = execFileSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, XDG_CACHE_HOME: path.join(home, 'cache') },
  });
  fs.rmSync(home, { recursive: true });

  expect(Object.keys(JSON.parse(plan))).toEqual(['jaeger', 'prometheus', 'alertmanager']);
});

describe('a service', () => {
  const outside = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  afterEach(() => {
    if (outside === undefined) delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    else process.env.OTEL_EXPORTER_OTLP_ENDPOINT = outside;
  });
  const ports = new Proxy({}, { get: () => ({ http: 1, grpc: 2, management: 3 }) });
  const told = (observed, one = { name: 'user-service', service: 'user-service' }) =>
    environmentOf(one, {
      namespace: '',
      servers: {},
      ports,
      schemas: {},
      keys: { jwks: '', privateKeyOf: () => '' },
      observed,
    });

  test('is told nothing of tracing where nobody observes', () => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;

    expect(Object.keys(told())).not.toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
    expect(Object.keys(told())).not.toContain('TRACE_RATIO');
  });

  test('is told what Alertmanager has to send, if it is the one that takes alerts, and no other is', () => {
    expect(
      told(undefined, { name: 'notify-service', service: 'notify-service' }).ALERT_WEBHOOK_TOKEN,
    ).toMatch(/^\S{32,}$/);
    expect(Object.keys(told())).not.toContain('ALERT_WEBHOOK_TOKEN');
  });

  test('is told where its spans go: to who observes, else where the environment says', () => {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:4317';
    const observed = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', TRACE_RATIO: '0.5' };

    expect(told(observed)).toMatchObject(observed);
    expect(told().OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://127.0.0.1:4317');
  });
});

describe('Alertmanager', () => {
  const shop = { namespace: '', url: 'http://127.0.0.1:1/internal/alerts' };
  const test1 = { namespace: 't_1', url: 'http://127.0.0.1:2/internal/alerts' };
  const told = (...fleets) => configuration(alertRouting(), fleets, '/some/token');

  test('tells each fleet of its own alerts, with its token, and nobody of what is about none', () => {
    const { route, receivers } = told(shop, test1);
    const webhookOf = ({ webhook_configs: [{ url, http_config }] = [{}] }) => [url, http_config];
    const authorization = { type: 'Bearer', credentials_file: '/some/token' };

    expect(route.receiver).toBe('nobody');
    expect(route.routes.map(({ matchers }) => matchers)).toEqual([['namespace=""'], ['namespace="t_1"']]);
    expect(
      route.routes.map(({ receiver }) => receivers.find(({ name }) => name === receiver)).map(webhookOf),
    ).toEqual([
      [shop.url, { authorization }],
      [test1.url, { authorization }],
    ]);
    expect(webhookOf(receivers.find(({ name }) => name === 'nobody'))).toEqual([undefined, undefined]);
  });

  test('waits and inhibits as the file of the deployment says, or not at all where a test is in a hurry', () => {
    const file = alertRouting();
    const hurried = alertRouting({ isHurried: true });

    expect(told(shop)).toMatchObject({
      route: { group_by: ['...'], repeat_interval: file.route.repeat_interval },
      inhibit_rules: file.inhibit_rules,
    });
    expect(file.receivers).toHaveLength(1);
    expect(hurried).toEqual({ ...file, route: { ...file.route, group_wait: '0s', group_interval: '1s' } });
  });
});

test('in a hurry the rules are the same, and none of them waits', () => {
  const parsed = (options) =>
    Object.values(rules(options)).flatMap((text) => JSON.parse(text).groups.flatMap((group) => group.rules));
  const asked = parsed();
  const hurried = parsed({ isHurried: true });

  expect(asked.filter((rule) => rule.for !== undefined).length).toBeGreaterThan(10);
  expect(hurried).toEqual(asked.map((rule) => (rule.for ? { ...rule, for: '0s' } : rule)));
});
