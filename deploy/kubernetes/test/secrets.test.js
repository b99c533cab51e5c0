'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { environmentName, loadConfig } = require('@onrush/chassis/config');
const { parseAllDocuments } = require('yaml');
const { z } = require('zod');
const { services } = require('../../local/fleet');
const { root } = require('../../local/paths');
const { build, objectsOf, overlays } = require('../build');
const { makeSecrets, optionsOf } = require('../secrets');
const { installLimitMs, toolsAtHand } = require('./tools-at-hand');

const options = { namespace: 'onrush', mysql: 'mysql:3306', redis: 'redis://redis:6379' };
const { objects, sql } = makeSecrets(options);
const secretOf = (name) =>
  objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === name).stringData;
const dataOf = ({ kind, metadata }) =>
  objects.find((one) => one.kind === kind && one.metadata.name === metadata.name)?.[
    kind === 'Secret' ? 'stringData' : 'data'
  ];

/** Every `{ kind, name, key }` that a manifest refers to and that is not in it. */
function references(manifest) {
  const found = [];
  const own = new Set(
    manifest.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name),
  );
  const visit = (value) => {
    if (value === null || typeof value !== 'object') return;
    for (const [kind, reference] of [
      ['Secret', value.secretKeyRef],
      ['ConfigMap', value.configMapKeyRef],
    ])
      if (reference) found.push({ kind, name: reference.name, key: reference.key });
    if (value.secret?.secretName)
      for (const { key } of value.secret.items)
        found.push({ kind: 'Secret', name: value.secret.secretName, key });
    if (value.configMap?.name) found.push({ kind: 'ConfigMap', name: value.configMap.name });
    Object.values(value).forEach(visit);
  };
  visit(manifest);
  return found.filter(({ kind, name }) => kind === 'Secret' || !own.has(name));
}

test(
  'all that the manifests refer to and do not have is made',
  async () => {
    const tools = await toolsAtHand();

    for (const overlay of overlays)
      for (const { kind, name, key } of references(objectsOf(build(overlay, tools)))) {
        const data = dataOf({ kind, metadata: { name } });
        expect([overlay, kind, name, key, data && (key === undefined || key in data)]).toEqual([
          overlay,
          kind,
          name,
          key,
          true,
        ]);
      }
  },
  installLimitMs,
);

test('the README names every Secret and its keys', () => {
  const readme = fs.readFileSync(path.join(__dirname, '..', 'README.md'), 'utf8');
  const named = [...readme.matchAll(/^\| ([a-z-]+) +\| (`[A-Za-z_.`-]+(?: `[^|(]+)?)/gm)].map(
    ([, name, keys]) => [name, keys.replaceAll('`', '').trim().split(/ +/)],
  );
  const made = objects
    .filter(({ kind }) => kind === 'Secret')
    .map(({ metadata, stringData }) => [
      metadata.name,
      Object.keys(stringData).sort((a, b) => (a < b ? -1 : 1)),
    ]);

  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(made));
});

test('every service takes its own, and has nothing that it does not read', () => {
  for (const service of services) {
    const { 'internal-private-key.json': key, ...environment } = secretOf(service);
    const { configShape } = require(path.join(root, service, 'src', 'config'));
    const required = { INTERNAL_JWKS: 'a', INTERNAL_PRIVATE_KEY: 'b', KAFKA_BROKERS: 'c:9092' };
    const read = () =>
      loadConfig({
        service,
        schema: z.object(configShape),
        environment: { ...required, ...environment },
        directory: os.tmpdir(),
      });
    const known = Object.keys(configShape).map(environmentName);

    expect(read).not.toThrow();
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
    expect(JSON.parse(key)).toMatchObject({ kid: service, kty: 'OKP', d: expect.any(String) });
  }
});

test('all know all public keys, and nobody a private one', () => {
  const { keys } = JSON.parse(
    dataOf({ kind: 'ConfigMap', metadata: { name: 'internal-keys' } })['internal-jwks.json'],
  );

  expect(keys.map(({ kid }) => kid)).toEqual(services);
  expect(keys.filter((key) => 'd' in key)).toEqual([]);
});

test('an account sees the schema of its service alone', () => {
  const { MYSQL_URL } = secretOf('order-service');
  const { username, password, pathname } = new URL(MYSQL_URL);

  expect([username, pathname]).toEqual(['onrush_order', '/onrush_order']);
  expect(sql).toContain(`CREATE USER 'onrush_order'@'%' IDENTIFIED BY '${password}';`);
  expect(sql.match(/GRANT .*'onrush_order'/g)).toEqual([
    "GRANT ALL PRIVILEGES ON onrush_order.* TO 'onrush_order'",
  ]);
});

test('what is missing or makes no sense is named, with what was expected', () => {
  expect(() => optionsOf(['--namespace=Onrush', '--mysql=mysql', '--redis=redis://r'])).toThrow(
    /--namespace: expected .*\n--mysql: expected host:port.*\n--to: expected/,
  );
  expect(() => optionsOf(['--mysq=a'])).toThrow(/mysq/);
});

test('files are their owner’s alone, and are never written over', () => {
  const to = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'secrets-')), 'new');
  const args = Object.entries({ ...options, to }).map(([name, value]) => `--${name}=${value}`);
  const call = () =>
    spawnSync(process.execPath, [path.join(__dirname, '..', 'secrets.js'), ...args], { encoding: 'utf8' });

  expect(call().status).toBe(0);
  const first = fs.readFileSync(path.join(to, 'secrets.yaml'), 'utf8');

  expect(fs.statSync(path.join(to, 'secrets.yaml')).mode & 0o077).toBe(0);
  expect(parseAllDocuments(first)).toHaveLength(services.length + 2);
  expect(call()).toMatchObject({ status: 2, stderr: expect.stringContaining('EEXIST') });
  expect(fs.readFileSync(path.join(to, 'secrets.yaml'), 'utf8')).toBe(first);
});
