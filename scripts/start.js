'use strict';
const { spawn, spawnSync } = require('node:child_process');
const path = require('node:path');
const { local, readJson, root, writeWhole } = require('../deploy/local/paths');
const { portsOf } = require('../deploy/local/ports');
const { areServersUp, serversDown, serversUp } = require('../deploy/local/servers');
const { build, continueOnProjectNode, installPackages, withProjectNode } = require('./packages');

const devFile = path.join(local, 'dev.json');

/** Packages, servers, build, schemas, services, first admin, demo sale; then it stays until Ctrl-C or `npm stop`. */
async function start(progress, flags) {
  const began = Date.now();
  const { isFleetUp, startFleet } = require('../deploy/local/fleet');
  if (isFleetUp())
    throw new Error(
      `the fleet runs already: ${readJson(devFile, {}).gateway_url ?? ''} ("npm stop" ends it)`,
    );

  let servers;
  if (needsInstall()) {
    // The build of Consul, where it is needed, runs beside all that needs no packages and all that does not need Consul.
    servers = await serversUp(progress, {
      beside: () => installPackages(progress).then(() => build(progress)),
    });
    await continueOnProjectNode();
  } else {
    await continueOnProjectNode();
    servers = await serversUp(progress, { beside: () => build(progress) });
  }

  const { gateway: gatewayPort } = await portsOf(['gateway']);
  const fleet = await startFleet({ servers, gatewayPort, step: progress.step });
  const admin = firstAdmin(fleet);
  const dev = writeDevFile(fleet, servers, admin);
  progress.say(`ready after ${((Date.now() - began) / 1000).toFixed(1)} s: ${fleet.gatewayUrl}`);
  if (admin.created)
    progress.say(
      `first admin: ${admin.username} / ${admin.password}   (printed once; also in .local/dev.json)`,
    );

  const end = endOnSignal(progress);
  const demoStatus = flags['no-demo'] ? 0 : await demo(servers);
  progress.say(
    Object.entries(dev.urls)
      .map(([name, url]) => `  ${name.padEnd(10)} ${url}`)
      .join('\n'),
  );
  if (flags.once) {
    await stop(progress);
    process.exit(demoStatus);
  }
  progress.say(
    demoStatus === 0
      ? 'running; Ctrl-C or "npm stop" ends it'
      : 'THE DEMO SALE FAILED; the fleet keeps running, Ctrl-C or "npm stop" ends it',
  );
  await end;
}

const needsInstall = () => require('./packages').isInstalled() === false;

/** Creates the first admin with a generated password; where there is one, the password of our own file still holds. */
function firstAdmin(fleet) {
  const script = path.join(root, 'user-service', 'dist', 'bootstrap-admin.js');
  const result = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: fleet.environments['user-service'],
  });
  if (result.status !== 0) throw new Error(`the first admin could not be created:\n${result.stderr}`);
  const admin = JSON.parse(result.stdout.trim().split('\n').at(-1));
  return { ...admin, password: admin.password ?? readJson(devFile, {}).admin?.password ?? null };
}

function writeDevFile(fleet, servers, { username, password }) {
  const { gatewayUrl } = fleet;
  const dev = {
    gateway_url: gatewayUrl,
    admin: { username, password },
    mock_payment_secret: fleet.mockPaymentSecret,
    urls: {
      gateway: gatewayUrl,
      docs: `${gatewayUrl}/docs`,
      health: `${gatewayUrl}/health`,
      metrics: `http://127.0.0.1:${fleet.ports.gateway.management}/metrics`,
      ...(servers.CONSUL_HTTP_ADDR && { consul: `http://${servers.CONSUL_HTTP_ADDR}` }),
      logs: path.join(local, 'log', 'fleet'),
    },
  };
  writeWhole(devFile, JSON.stringify(dev, null, 2), 0o600);
  return dev;
}

/** Runs the demo sale, and resolves with its exit status. */
function demo(servers) {
  const script = path.join(root, 'e2e', 'dist', 'demo', 'main.js');
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', '--disable-warning=TimeoutNegativeWarning', script],
    {
      stdio: 'inherit',
      cwd: root,
      env: withProjectNode({ ...process.env, ...servers }),
    },
  );
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** Resolves after Ctrl-C has ended everything, or when somebody else has. */
function endOnSignal(progress) {
  const { isFleetUp } = require('../deploy/local/fleet');
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      if (isFleetUp()) return;
      clearInterval(watch);
      resolve();
    }, 1_000);
    const end = async () => {
      clearInterval(watch);
      await stop(progress);
      process.exit(130);
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
}

/** Ends all that this checkout started, and nothing else. */
async function stop(progress) {
  const { isFleetUp, stopFleet } = require('../deploy/local/fleet');
  if (isFleetUp()) await progress.step('stopping services', () => stopFleet());
  else await stopFleet();
  await serversDown(progress);
}

function status(progress) {
  const { isFleetUp } = require('../deploy/local/fleet');
  progress.say(`fleet: ${isFleetUp() ? readJson(devFile, {}).gateway_url : 'not running'}`);
  progress.say(`servers: ${areServersUp() ? 'running' : 'not running'}`);
}

module.exports = { start, stop, status };
