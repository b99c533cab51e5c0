'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { localFolder, root } = require('./paths');
const { freePorts } = require('./ports');
const { hasDied, lastLines, pidOf, startProcess, stopProcess } = require('./process');
const { createSchemas } = require('./schemas');
const { internalKeys, secrets } = require('./secrets');
const { isThere, waitUntil } = require('./wait');

const withSchema = ['user', 'auth', 'product', 'seckill', 'order', 'payment', 'notify'].map(
  (name) => `${name}-service`,
);
const services = [...withSchema, 'gateway'];
const readyLimitMs = 120_000;
/** The sale has a process to answer buyers and one to record what they bought; of every other service there is one. */
const processes = [
  ...services.map((service) => ({ name: service, service })),
  { name: 'seckill-worker', service: 'seckill-service' },
];
const processNames = processes.map(({ name }) => name);
const roles = { 'seckill-service': 'api', 'seckill-worker': 'worker' };
/**
 * On a busy machine those go first whom somebody waits for. What follows a purchase may do so a second later, and messages come after the orders
 * that they tell of. The gateway's workers are one session, which the kernel gives one share, however many they are.
 */
const ranks = {
  gateway: { niceness: -5 },
  'seckill-worker': { niceness: 15, isBackground: true },
  'order-service': { niceness: 15, isBackground: true },
  'notify-service': { niceness: 19, isBackground: true },
};

/** Here everybody has the same address: what one may do is what all clients of a demo or a benchmark do together. */
const addressLimit = { address: { rate: 200_000, burst: 400_000 } };
const rateLimits = { read: addressLimit, write: addressLimit, buy: addressLimit, callback: addressLimit };
const connectionLimit = 16_000;

/** A fleet's folder of pid files, and of logs. */
const folderOf = (namespace) => (namespace ? `fleet-${namespace}` : 'fleet');
const namespaceOf = (folder) => folder.replace(/^fleet-?/, '');

/** The ports of each process: `http` for the gateway, `grpc` for the fleet, `management` for probes and metrics. */
async function portsForAll(gatewayPort) {
  const ports = await freePorts(processes.length * 3);
  const byProcess = Object.fromEntries(
    processes.map(({ name }, index) => [
      name,
      { http: ports[index * 3], grpc: ports[index * 3 + 1], management: ports[index * 3 + 2] },
    ]),
  );
  if (gatewayPort) byProcess.gateway.http = gatewayPort;
  return byProcess;
}

/** What every process is told, and what only this one is told. */
function environmentOf(
  { name: processName, service },
  { namespace, servers, ports, schemas, keys, observed, extra },
) {
  const staticServices = Object.fromEntries(
    services.map((name) => [
      name,
      [{ address: '127.0.0.1', http_port: ports[name].http, grpc_port: ports[name].grpc }],
    ]),
  );
  const ownSecrets = secrets();
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_ENV: 'production',
    NAMESPACE: namespace,
    HOST: '127.0.0.1',
    HTTP_PORT: String(ports[processName].http),
    GRPC_PORT: String(ports[processName].grpc),
    MANAGEMENT_PORT: String(ports[processName].management),
    REDIS_URL: servers.REDIS_URL,
    KAFKA_BROKERS: servers.KAFKA_BROKERS,
    DISCOVERY: servers.DISCOVERY,
    ...(servers.CONSUL_HTTP_ADDR && { CONSUL_HTTP_ADDR: servers.CONSUL_HTTP_ADDR }),
    STATIC_SERVICES: JSON.stringify(staticServices),
    INTERNAL_JWKS: keys.jwks,
    INTERNAL_PRIVATE_KEY: keys.privateKeyOf(service),
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'info',
    ...tracing(observed),
    ...(schemas[service] && { MYSQL_URL: schemas[service], MYSQL_TYPE: servers.MYSQL_SERVER_KIND }),
    ...(service === 'seckill-service' && { PURCHASE_TOKEN_SECRET: ownSecrets.purchaseTokenSecret }),
    ...(service === 'auth-service' && { KEY_ENCRYPTION_SECRET: ownSecrets.keyEncryptionSecret }),
    ...(service === 'payment-service' && {
      MOCK_PAYMENT_SECRET: ownSecrets.mockPaymentSecret,
      PUBLIC_URL: `http://127.0.0.1:${ports.gateway.http}`,
    }),
    ...(service === 'notify-service' && { ALERT_WEBHOOK_TOKEN: ownSecrets.alertWebhookToken }),
    ...(service === 'gateway' && {
      RATE_LIMITS: JSON.stringify(rateLimits),
      MAX_CONNECTIONS_PER_ADDRESS: String(connectionLimit),
    }),
    ...(roles[processName] && { ROLE: roles[processName] }),
    ...(service === 'gateway' && process.env.WORKERS && { WORKERS: process.env.WORKERS }),
    ...extra?.[processName],
  };
}

/** Where spans go, and of how many requests; nothing where nobody observes. */
function tracing({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, TRACE_RATIO: ratio } = process.env) {
  return { ...(endpoint && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...(ratio && { TRACE_RATIO: ratio }) }) };
}

/** Applies the migrations of every service, two at a time: they share the machine with the servers. */
async function migrate(environments) {
  const { runMigrations } = require('@onrush/chassis/mysql');
  const waiting = [...withSchema];
  const worker = async () => {
    for (let service = waiting.shift(); service; service = waiting.shift()) {
      const { migrations } = require(path.join(root, service, 'dist', 'migrations'));
      const { MYSQL_URL: url, MYSQL_TYPE: type } = environments[service];
      await runMigrations({ url, type, entities: [], migrations });
    }
  };
  await Promise.all([worker(), worker()]);
}

/**
 * Starts the whole fleet in a namespace of its own: schemas, migrations, eight processes, and waits until all are ready. Where one does not
 * come up, the end of its log is in the error, and what had started is stopped. `observed`: where its spans go, instead of where the environment says.
 */
async function startFleet({
  servers,
  namespace = '',
  gatewayPort,
  observed,
  extra,
  step = (_name, work) => work(),
}) {
  const runFolder = localFolder('run', folderOf(namespace));
  const logFolder = localFolder('log', folderOf(namespace));
  // Services that outlived whoever started them, after a closed terminal, say.
  await stopFleet(namespace);
  const ports = await portsForAll(gatewayPort);
  const keys = internalKeys(services);
  const schemas = await step('creating schemas', () =>
    createSchemas(servers.MYSQL_ADMIN_URL, namespace, withSchema),
  );
  const environments = Object.fromEntries(
    processes.map((one) => [
      one.name,
      environmentOf(one, { namespace, servers, ports, schemas, keys, observed, extra }),
    ]),
  );
  await step('migrating', () => migrate(environments));

  const start = ({ name, service }, changes) =>
    startProcess({
      name,
      command: process.execPath,
      args: ['--enable-source-maps', path.join(root, service, 'dist', 'main.js')],
      env: { ...environments[name], ...changes },
      cwd: root,
      runFolder,
      logFolder,
      ...ranks[name],
    }).then(() => waitUntilReady(name));

  async function waitUntilReady(name) {
    const isReady = () => isThere(`http://127.0.0.1:${ports[name].management}/readyz`);
    const isAlive = () => pidOf(name, runFolder) !== undefined;
    const outcome = await waitUntil(isReady, { limitMs: readyLimitMs, isAlive });
    if (outcome === 'succeeded') return;
    const log = path.join(logFolder, `${name}.log`);
    const what =
      outcome === 'ended' ? 'ended while it started' : `is not ready after ${readyLimitMs / 1000} s`;
    throw new Error(`${name} ${what}; the end of ${log}:\n${lastLines(log)}`);
  }

  const stop = async () => {
    await stopFleet(namespace);
  };

  try {
    await step('starting services', () => Promise.all(processes.map(start)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    namespace,
    logFolder,
    gatewayUrl: `http://127.0.0.1:${ports.gateway.http}`,
    ports,
    environments,
    keys,
    mockPaymentSecret: secrets().mockPaymentSecret,
    services: Object.fromEntries(
      processes.map((one) => [
        one.name,
        {
          pid: () => pidOf(one.name, runFolder),
          hasDied: () => hasDied(one.name, runFolder),
          kill: (signal) => stopProcess(one.name, { runFolder, signal }),
          restart: (changes) => start(one, changes),
        },
      ]),
    ),
    stop,
  };
}

/** Creates the first admin with a generated password: `{ username, password, created }`; the password is null where there is an admin already. */
function firstAdmin(fleet) {
  const script = path.join(root, 'user-service', 'dist', 'bootstrap-admin.js');
  const result = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: fleet.environments['user-service'],
  });
  if (result.status !== 0) throw new Error(`the first admin could not be created:\n${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1));
}

/** Ends the services of a namespace: the gateway first, so that nothing new comes in. */
async function stopFleet(namespace = '') {
  const runFolder = localFolder('run', folderOf(namespace));
  await stopProcess('gateway', { runFolder });
  await Promise.all(
    processes.filter(({ name }) => name !== 'gateway').map(({ name }) => stopProcess(name, { runFolder })),
  );
  if (namespace) fs.rmSync(runFolder, { recursive: true, force: true });
}

/** The namespaces of this checkout in which a service runs: of `npm start`, and of tests and benchmarks, interrupted ones among them. */
const fleetsUp = () =>
  fs
    .readdirSync(localFolder('run'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.startsWith('fleet'))
    .map(({ name }) => namespaceOf(name))
    .filter((namespace) =>
      processes.some(({ name }) => pidOf(name, localFolder('run', folderOf(namespace))) !== undefined),
    );

/** Ends all fleets whose namespace begins so. */
const stopFleets = (prefix = '') =>
  Promise.all(
    fleetsUp()
      .filter((namespace) => namespace.startsWith(prefix))
      .map(stopFleet),
  );

module.exports = {
  environmentOf,
  firstAdmin,
  startFleet,
  stopFleet,
  stopFleets,
  fleetsUp,
  processNames,
  services,
};
