'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { local, readJson, root, writeWhole } = require('../deploy/local/paths');
const { needObservers, observersDown, observersUp, watch } = require('../deploy/local/observers');
const { portsOf } = require('../deploy/local/ports');
const { areServersUp, ownsServers, serversDown, serversUp } = require('../deploy/local/servers');
const { supervise } = require('../deploy/local/supervise');
const { build, continueOnProjectNode, installPackages, isInstalled, withProjectNode } = require('./packages');

const devFile = path.join(local, 'dev.json');

/** Packages, servers, build, schemas, services, first admin, demo sale; then it stays until Ctrl-C or `npm stop`. */
async function start(progress, flags) {
  const { fleetsUp } = require('../deploy/local/fleet');
  const namespace = givenNamespace();
  if (fleetsUp().includes(namespace))
    throw new Error(
      `the fleet runs already: ${readJson(devFile, {}).gateway_url ?? ''} ("npm stop" ends it)`,
    );
  // The process that goes on with this on the project's own Node counts from the beginning, too.
  const began = Number((process.env.ONRUSH_BEGAN ??= String(Date.now())));
  const mayEndServers = ownsServers();
  const signal = endOnSignal(progress);

  const { servers, fleet, dev } = await bringUp(progress, namespace, flags).catch(async (error) => {
    if (signal.came) return signal.end;
    if (mayEndServers) await stop(progress);
    throw error;
  });
  progress.say(`ready after ${((Date.now() - began) / 1000).toFixed(1)} s: ${dev.gateway_url}`);
  if (dev.admin.created) {
    const { username, password } = dev.admin;
    progress.say(`first admin: ${username} / ${password}   (printed once; also in .local/dev.json)`);
  }
  const endWatch = supervise(progress, fleet);
  const demoStatus = flags['no-demo'] ? 0 : await demo(servers);
  if (signal.came) return signal.end;
  for (const [name, url] of Object.entries(dev.urls)) progress.say(`  ${name.padEnd(12)} ${url}`);
  if (flags.once) {
    endWatch();
    await stop(progress);
    process.exit(demoStatus);
  }
  const verdict = demoStatus === 0 ? 'running;' : 'THE DEMO SALE FAILED; the fleet keeps running,';
  progress.say(`${verdict} Ctrl-C or "npm stop" ends it`);
  endWithFleet(fleet);
}

/** Several fleets may share servers that somebody gave: NAMESPACE stands before their schemas, keys, topics and names in Consul. */
function givenNamespace() {
  const namespace = process.env.NAMESPACE ?? '';
  if (/^([a-z][a-z0-9]{0,15})?$/.test(namespace)) return namespace;
  throw new Error(
    `NAMESPACE is "${namespace}"; expected at most 16 lower-case letters and digits, a letter first`,
  );
}

async function bringUp(progress, namespace, { observe }) {
  if (observe) needObservers();
  const { firstAdmin, startFleet } = require('../deploy/local/fleet');
  // The build of Consul, where it is needed, runs beside all that does not need Consul.
  const isFirst = !isInstalled();
  if (!isFirst) await continueOnProjectNode();
  const servers = await serversUp(progress, {
    beside: () => installPackages(progress).then(() => build(progress)),
  });
  if (isFirst) await continueOnProjectNode();

  const observed = observe ? await observersUp(progress) : { urls: {} };
  const { gateway: gatewayPort } = await portsOf(['gateway']);
  const fleet = await startFleet({
    servers,
    namespace,
    gatewayPort,
    observed: observed.env,
    step: progress.step,
  });
  if (observe) watch(fleet);
  return {
    servers,
    fleet,
    dev: writeDevFile(fleet, { servers, admin: firstAdmin(fleet), urls: observed.urls }),
  };
}

/** Where there was an admin already, the password of our own file still holds. */
function writeDevFile(fleet, { servers, admin: { username, created, ...admin }, urls }) {
  const password = admin.password ?? readJson(devFile, {}).admin?.password ?? null;
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
      ...urls,
      logs: fleet.logFolder,
    },
  };
  writeWhole(devFile, JSON.stringify(dev, null, 2), 0o600);
  return { ...dev, admin: { ...dev.admin, created } };
}

/** Runs the demo sale, and resolves with its exit status. */
function demo(servers) {
  const script = path.join(root, 'e2e', 'dist', 'demo', 'main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', script], {
    stdio: 'inherit',
    cwd: root,
    env: withProjectNode({ ...process.env, ...servers }),
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/**
 * Ctrl-C ends all that was started, at whatever moment it comes. What fails after it `came` was pulled down under its own feet: no failure to
 * report, `end` is awaited instead, and the process with it.
 */
function endOnSignal(progress) {
  const signal = { came: false, end: undefined };
  const onSignal = () => {
    signal.came = true;
    signal.end = stop(progress).then(() => process.exit(130));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return signal;
}

/** Somebody else may end the fleet: "npm stop" in another terminal. */
function endWithFleet({ services: { gateway } }) {
  setInterval(() => {
    if (gateway.pid() === undefined && !gateway.hasDied()) process.exit(0);
  }, 1_000);
}

/** Ends all that this checkout started, and nothing else. */
async function stop(progress) {
  const { fleetsUp, stopFleets } = require('../deploy/local/fleet');
  if (fleetsUp().length > 0) await progress.step('stopping services', () => stopFleets());
  await Promise.all([serversDown(progress), observersDown(progress)]);
}

function status(progress) {
  const { fleetsUp } = require('../deploy/local/fleet');
  progress.say(
    `fleet: ${fleetsUp().includes(givenNamespace()) ? readJson(devFile, {}).gateway_url : 'not running'}`,
  );
  progress.say(`servers: ${areServersUp() ? 'running' : 'not running'}`);
}

module.exports = { start, stop, status };
