'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { planObservers, whatObserversMiss } = require('../observers');
const { environmentOf } = require('../fleet');

const bare = { jaeger: false, prometheus: false, apt: false, canBuildJaeger: false };

test('each is taken from the machine, or else installed', () => {
  const fresh = planObservers({ ...bare, apt: true, canBuildJaeger: true });

  expect(planObservers({ ...bare, jaeger: true, prometheus: true, apt: true })).toEqual({
    jaeger: 'installed',
    prometheus: 'installed',
  });
  expect(fresh).toEqual({ jaeger: 'install', prometheus: 'install' });
  expect(whatObserversMiss(fresh)).toBeUndefined();
});

test('what cannot be had is named, with the ways to get it, and nothing else is', () => {
  const message = whatObserversMiss(planObservers({ ...bare, jaeger: true }));

  expect(message).toMatch(/prometheus on the PATH/);
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

  expect(Object.keys(JSON.parse(plan))).toEqual(['jaeger', 'prometheus']);
});

describe('a service', () => {
  const outside = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  afterEach(() => {
    if (outside === undefined) delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    else process.env.OTEL_EXPORTER_OTLP_ENDPOINT = outside;
  });
  const ports = new Proxy({}, { get: () => ({ http: 1, grpc: 2, management: 3 }) });
  const told = (observed) =>
    environmentOf(
      { name: 'user-service', service: 'user-service' },
      {
        namespace: '',
        servers: {},
        ports,
        schemas: {},
        keys: { jwks: '', privateKeyOf: () => '' },
        observed,
      },
    );

  test('is told nothing of tracing where nobody observes', () => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;

    expect(Object.keys(told())).not.toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
    expect(Object.keys(told())).not.toContain('TRACE_RATIO');
  });

  test('is told where its spans go: to who observes, else where the environment says', () => {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:4317';
    const observed = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', TRACE_RATIO: '0.5' };

    expect(told(observed)).toMatchObject(observed);
    expect(told().OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://127.0.0.1:4317');
  });
});
