'use strict';
const net = require('node:net');
const path = require('node:path');
const { local, readJson, writeWhole } = require('./paths');
const { waitUntil } = require('./wait');

/*
 * From below the range from which Linux gives outgoing connections their ports (ip_local_port_range: from 32768): a port of that range, free now, may be
 * anybody's connection by the time a server listens there, or listens there again. Above 10080, the last of those that no browser and no `fetch` asks
 * (Fetch Standard, "port blocking"). Jest's workers have a thousand each, so that none is given what another has just been given.
 */
const firstPort = 11_000;
const portsEach = 1_000;
const shares = 20;
const share = firstPort + portsEach * (Number(process.env.JEST_WORKER_ID ?? 0) % shares);
let given = Math.floor(Math.random() * portsEach);

/** Ports that are free at this moment, all different, and none that this process was given lately. */
async function freePorts(count) {
  const ports = [];
  for (let tries = 0; ports.length < count && tries < portsEach; tries++) {
    const port = share + (given++ % portsEach);
    if (await isFree(port)) ports.push(port);
  }
  if (ports.length < count)
    throw new Error(`no ${count} ports are free from ${share} to ${share + portsEach - 1}`);
  return ports;
}

const isFree = (port) =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** The ports of this checkout, by name: chosen once, and kept for as long as nobody else has taken them. */
async function portsOf(names, isOurs = () => false, file = path.join(local, 'ports.json')) {
  const known = readJson(file, {});
  const usable = {};
  for (const name of names) {
    const port = known[name];
    if (port && (isOurs(name) || (await isFree(port)))) usable[name] = port;
  }
  const missing = names.filter((name) => !usable[name]);
  const fresh = await freePorts(missing.length);
  missing.forEach((name, index) => (usable[name] = fresh[index]));
  writeWhole(file, JSON.stringify({ ...known, ...usable }, null, 2));
  return usable;
}

/** Resolves when something listens there. The limit is for a process that lives and yet never listens: a cold disk under load may need a minute. */
async function waitForPort(port, { limitMs = 120_000, isAlive, host = '127.0.0.1' } = {}) {
  const outcome = await waitUntil(() => canConnect(host, port), { limitMs, isAlive });
  if (outcome === 'ended') throw new Error(`the process ended before it listened on port ${port}`);
  if (outcome === 'late') throw new Error(`nothing listens on port ${port} after ${limitMs / 1000} s`);
}

const canConnect = (host, port) =>
  new Promise((resolve) => {
    const socket = net.connect({ port, host, timeout: 1_000 });
    const answer = (can) => {
      socket.destroy();
      resolve(can);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });

module.exports = { freePorts, portsOf, waitForPort, isFree };
