'use strict';
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { UsageError } = require('../../../scripts/arguments');
const { internalKeys } = require('../../local/secrets');
const { freePorts } = require('../../local/ports');
const { localFolder, root } = require('../../local/paths');
const { services } = require('../../local/fleet');
const { createSchemas, dropSchemas } = require('../../local/schemas');
const { waitUntil } = require('../../local/wait');
const { buildWithBuildah } = require('../buildah');
const { imageArguments } = require('../image');
const { baseName, nodeVersion } = require('../local-base');
const { provideTools } = require('../../kubernetes/tools/tools');

const silent = { step: (_name, work) => work() };
const service = 'auth-service';
const namespace = 't_image';
const buildLimitMs = 600_000;

let image;
let container;
let rootfs;
let schemas;
beforeAll(async () => {
  schemas = await createSchemas(process.env.MYSQL_ADMIN_URL, namespace, [service]);
  image = await buildWithBuildah(silent, {
    name: `onrush/${service}:test`,
    buildArguments: [`SERVICE=${service}`, 'VERSION=1.2.3', 'REVISION=abc'],
    timestamp: 0,
  });
  container = image.call('from', '--pull-never', `onrush/${service}:test`);
  rootfs = image.call('mount', container);
}, buildLimitMs);
afterAll(async () => {
  if (container) image.call('rm', container);
  if (schemas) await dropSchemas(process.env.MYSQL_ADMIN_URL, namespace, [service]);
});

const described = () =>
  JSON.parse(image.call('inspect', '--type', 'image', `onrush/${service}:test`)).Docker.config;

/** The command line that runs a program as the image would be run: its files read-only, as its user, with its environment and nothing else. */
function confined(args, environment) {
  const { User: user, Env: own, Entrypoint: entry, WorkingDir: folder } = described();
  const told = [...own, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
  const script =
    'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && mount --bind "$2" "$1/mnt" && ' +
    'root="$1" user="$3" folder="$4" && shift 4 && exec chroot --userspec="$user" "$root" /usr/bin/env -i -C "$folder" "$@"';
  const keys = localFolder('keys');
  return [
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', rootfs, keys, user, folder, ...told, ...entry, ...args],
  ];
}

function environment(managementPort) {
  const keys = internalKeys(services);
  // A copy, since in a checkout it is its owner's alone.
  const own = `${service}.image.jwk.json`;
  fs.copyFileSync(keys.privateKeyOf(service), path.join(localFolder('keys'), own));
  fs.chmodSync(path.join(localFolder('keys'), own), 0o644);
  return {
    NAMESPACE: namespace,
    HOST: '127.0.0.1',
    HTTP_PORT: 0,
    GRPC_PORT: 0,
    MANAGEMENT_PORT: managementPort,
    DISCOVERY: 'static',
    MYSQL_URL: schemas[service],
    MYSQL_TYPE: process.env.MYSQL_SERVER_KIND,
    REDIS_URL: process.env.REDIS_URL,
    KEY_ENCRYPTION_SECRET: Buffer.alloc(32, 1).toString('base64'),
    INTERNAL_JWKS: '/mnt/internal-jwks.json',
    INTERNAL_PRIVATE_KEY: `/mnt/${own}`,
  };
}

test('the image migrates its schema, starts from its own files without being able to write one, and answers probes', async () => {
  const [managementPort] = await freePorts(1);
  const told = environment(managementPort);
  const migration = spawnSync(...confined(['service/dist/migrate.js'], told), { encoding: 'utf8' });
  expect(migration).toMatchObject({ status: 0, stdout: expect.stringMatching(/^migrate: applied /) });

  const process = spawn(...confined(described().Cmd, told), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [process.stdout, process.stderr]) stream.on('data', (text) => (output += text));
  const answers = (page) =>
    fetch(`http://127.0.0.1:${managementPort}${page}`).then(
      ({ ok }) => ok,
      () => false,
    );
  const isAlive = () => process.exitCode === null;
  const outcomes = [];
  for (const page of ['/livez', '/readyz'])
    outcomes.push(await waitUntil(() => answers(page), { limitMs: 60_000, isAlive }));
  const identity = fs.readFileSync(`/proc/${process.pid}/status`, 'utf8');
  const ended = new Promise((resolve) => process.once('exit', resolve));
  process.kill('SIGTERM');

  expect([...outcomes, output]).toEqual(['succeeded', 'succeeded', expect.any(String)]);
  expect(identity).toMatch(/^Uid:\s+1000\s+1000/m);
  expect(await ended).toBe(0);
}, 120_000);

test('nothing in it can be written to by who it runs as', () => {
  const write = ['-e', "require('node:fs').writeFileSync('/app/service/written', '')"];

  expect(spawnSync(...confined(write, {}), { encoding: 'utf8' }).stderr).toMatch(/EROFS/);
  const { stdout } = spawnSync('find', [rootfs, '-xdev', '-user', '1000'], { encoding: 'utf8' });
  expect(stdout).toBe('');
});

test('what only a build or a test needs is not in it', () => {
  const has = (...parts) => fs.existsSync(path.join(rootfs, 'app', ...parts));

  expect(has('node_modules', 'ioredis')).toBe(true);
  for (const name of ['typescript', 'jest', 'eslint', 'prettier', '@swc', 'node', 'supertest'])
    expect([name, has('node_modules', name)]).toEqual([name, false]);
  const { stdout } = spawnSync('find', [path.join(rootfs, 'app'), '-name', '*.ts', '-o', '-name', '.local'], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
});

test('it says what it is, who runs it, and how it is asked whether it is well', () => {
  const { User, Labels, Healthcheck } = described();

  expect(User).toBe('1000:1000');
  expect(Labels).toMatchObject({
    'org.opencontainers.image.title': `onrush/${service}`,
    'org.opencontainers.image.version': '1.2.3',
    'org.opencontainers.image.revision': 'abc',
  });
  expect(Healthcheck.Test.join(' ')).toContain('/livez');
});

test('its ports are those of the manifests, and its Node is ours', () => {
  const lines = (text) =>
    new Map([...text.matchAll(/\b([A-Z_]+_PORT|HOST)=(\S+)/g)].map(([, name, value]) => [name, value]));
  const read = (...parts) => fs.readFileSync(path.join(root, ...parts), 'utf8');

  expect(lines(read('Dockerfile'))).toEqual(lines(read('deploy', 'kubernetes', 'base', 'fleet.env')));
  expect(baseName()).toMatch(/^docker\.io\/library\/node:[\d.]+-bookworm-slim$/);
  expect(JSON.parse(read('package.json')).devDependencies.node).toBe(nodeVersion());
});

test('every service can be built, and is copied as far as its packages are installed', () => {
  const dockerfile = fs.readFileSync(path.join(root, 'Dockerfile'), 'utf8');
  const { workspaces } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

  for (const name of workspaces) expect(dockerfile).toContain(`COPY ${name}/package.json ${name}/`);
  for (const name of services) expect(dockerfile).toMatch(new RegExp(`tsc --build(.|\n)*\\b${name}\\b`));
});

test(
  'hadolint has nothing to say, and says what is wrong',
  async () => {
    const { hadolint } = await provideTools(silent);
    const lint = (text) => spawnSync(hadolint, ['-'], { input: text, encoding: 'utf8' });

    expect(lint(fs.readFileSync(path.join(root, 'Dockerfile'), 'utf8'))).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(lint('FROM node:latest\n').stdout).toMatch(/DL3007/);
  },
  buildLimitMs,
);

test.each([
  [[]],
  [['orders']],
  [['order-service', '--versoin=1']],
  [['order-service', '--version=a b']],
  [['order-service', '--version=1', '--version=2']],
])('npm run image -- %j is refused with the usage', (args) => {
  expect(() => imageArguments(args)).toThrow(UsageError);
  expect(() => imageArguments(args)).toThrow(/one of user-service/);
});

test('a version is taken', () => {
  expect(imageArguments(['order-service', '--version=1.2.3'])).toEqual({
    service: 'order-service',
    version: '1.2.3',
  });
  expect(imageArguments(['gateway'])).toEqual({ service: 'gateway', version: 'dev' });
});
