'use strict';
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { freePorts, isFree, portsOf, waitForPort } = require('../ports');

const listen = (port) =>
  new Promise((resolve) => {
    const server = net.createServer().listen(port, '127.0.0.1', () => resolve(server));
  });
const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'onrush-ports-')), 'ports.json');

test('free ports are free, and all different', async () => {
  const ports = await freePorts(20);

  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(await isFree(port)).toBe(true);
});

test('no free port is one that an outgoing connection may be given, and none is given again at once', async () => {
  const [first] = fs.readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  const [ports, others] = [await freePorts(20), await freePorts(20)];

  for (const port of [...ports, ...others]) expect(port).toBeLessThan(first);
  expect(ports.filter((port) => others.includes(port))).toEqual([]);
});

test('a port that somebody listens at is passed over', async () => {
  const [first] = await freePorts(1);
  const taken = await listen(first + 1);

  expect((await freePorts(3)).includes(first + 1)).toBe(false);
  taken.close();
});

test('a checkout keeps its ports; one that somebody else took is replaced, one that is our own stays', async () => {
  const first = await portsOf(['mysql', 'redis'], undefined, file);
  expect(await portsOf(['mysql', 'redis'], undefined, file)).toEqual(first);

  const taken = await listen(first.redis);
  const others = await portsOf(['mysql', 'redis'], undefined, file);
  expect(others.mysql).toBe(first.mysql);
  expect(others.redis).not.toBe(first.redis);
  taken.close();

  const ours = await listen(others.redis);
  expect(await portsOf(['redis'], () => true, file)).toEqual({ redis: others.redis });
  ours.close();
});

test('waiting ends when something listens, when the process has ended, or when time is up', async () => {
  const [port = 0] = await freePorts(1);
  await expect(waitForPort(port, { isAlive: () => false })).rejects.toThrow(/ended before it listened/);
  await expect(waitForPort(port, { limitMs: 60 })).rejects.toThrow(/nothing listens/);

  const waiting = waitForPort(port);
  const server = await listen(port);
  await waiting;
  server.close();
});

test('what was late may have been ourselves: whoever listens by the time we look again is found', async () => {
  const [port = 0] = await freePorts(1);
  const waiting = waitForPort(port, { limitMs: 20 });
  // The whole process stands still for longer than the limit, with the first try under way.
  const until = Date.now() + 100;
  while (Date.now() < until);

  const server = await listen(port);
  await waiting;
  server.close();
});
