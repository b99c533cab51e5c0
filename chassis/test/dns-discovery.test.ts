import dgram from 'node:dgram';
import { once } from 'node:events';
import { z } from 'zod';
import { ConfigError, loadConfig, processConfig } from '../src/config';
import type { Discovery } from '../src/discovery';
import { createDnsDiscovery, type DnsDiscoveryOptions } from '../src/dns-discovery';
import { createDiscovery } from '../src/service-discovery';
import { recordingLogger } from '../src/testing/logger';
import { eventually } from '../src/testing/wait';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Mood = 'well' | 'broken' | 'broken for IPv4' | 'silent';
const codes = { noError: 0, servFail: 2, nxDomain: 3 };
const types = { a: 1, aaaa: 28 };

/** A name server on the loopback interface (RFC 1035 §4) that knows these names, and NXDOMAIN. */
async function startNameServer(records: Record<string, string[]>) {
  const socket = dgram.createSocket('udp4');
  const server = { records, mood: 'well' as Mood, asked: 0, address: '' };
  socket.on('message', (query, from) => {
    server.asked += 1;
    if (server.mood !== 'silent') socket.send(answerTo(query, server), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  server.address = `127.0.0.1:${socket.address().port}`;
  return server;
}

function answerTo(query: Buffer, server: { records: Record<string, string[]>; mood: Mood }): Buffer {
  let at = 12;
  const labels: string[] = [];
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const known = server.records[labels.join('.')];
  const wanted = (known ?? [])
    .map((address) => (address.includes(':') ? ipv6(address) : Buffer.from(address.split('.').map(Number))))
    .filter((data) => data.length === (type === types.a ? 4 : 16));
  const isBroken = server.mood === 'broken' || (server.mood === 'broken for IPv4' && type === types.a);
  const code = isBroken ? codes.servFail : known ? codes.noError : codes.nxDomain;
  const answers = isBroken ? [] : wanted.map((data) => recordOf(type, data));
  const head = Buffer.alloc(12);
  head.writeUInt16BE(query.readUInt16BE(0), 0);
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  return Buffer.concat([head, query.subarray(12, at + 5), ...answers]);
}

/** The name by a pointer to the question, type, class IN, a TTL far longer than any test, and the address. */
function recordOf(type: number, data: Buffer): Buffer {
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 1, 44, 0, data.length]);
  return Buffer.concat([head, data]);
}

/** Of `fd00::12` alone: one group before the gap, one behind it. */
function ipv6(address: string): Buffer {
  const data = Buffer.alloc(16);
  const [first = '', last = ''] = address.split('::');
  data.writeUInt16BE(Number.parseInt(first, 16), 0);
  data.writeUInt16BE(Number.parseInt(last, 16), 14);
  return data;
}

function startDiscovery(server: string, changes: Partial<DnsDiscoveryOptions> = {}): Discovery {
  const discovery = createDnsDiscovery({
    suffix: '.shop.local',
    httpPort: 8_080,
    grpcPort: 9_090,
    refreshMs: 20,
    servers: [server],
    logger: recordingLogger().logger,
    ...changes,
  });
  closers.push(discovery.stop);
  return discovery;
}

const addressesOf = (discovery: Discovery) => discovery.instances('a-service').map(({ address }) => address);
/** Until every kind of record of both names has been asked for, several times. */
const askedAgain = (server: { asked: number }, times = 12) => {
  const before = server.asked;
  return eventually(() => server.asked >= before + times);
};

test('every address of a name is an instance, and of its canary name a canary', async () => {
  const server = await startNameServer({
    'a-service.shop.local': ['10.0.0.2', '10.0.0.1', 'fd00::12'],
    'a-service-canary.shop.local': ['10.0.0.9'],
  });
  const discovery = startDiscovery(server.address);

  await discovery.waitFor('a-service');
  await eventually(() => discovery.instances('a-service').length === 4);

  const ports = { service: 'a-service', httpPort: 8_080, grpcPort: 9_090 };
  const stable = { ...ports, version: 'stable', canary: false };
  expect(discovery.instances('a-service')).toEqual([
    { ...stable, id: 'a-service-10.0.0.1:9090', address: '10.0.0.1' },
    { ...stable, id: 'a-service-10.0.0.2:9090', address: '10.0.0.2' },
    { ...ports, id: 'a-service-10.0.0.9:9090', address: '10.0.0.9', version: 'canary', canary: true },
    { ...stable, id: 'a-service-[fd00::12]:9090', address: '[fd00::12]' },
  ]);
});

test('an address under both names is a canary, once', async () => {
  const server = await startNameServer({
    'a-service.shop.local': ['10.0.0.1', '10.0.0.2'],
    'a-service-canary.shop.local': ['10.0.0.2'],
  });
  const discovery = startDiscovery(server.address);

  await eventually(() => discovery.instances('a-service').some(({ canary }) => canary));

  expect(discovery.instances('a-service').map(({ address, canary }) => [address, canary])).toEqual([
    ['10.0.0.1', false],
    ['10.0.0.2', true],
  ]);
});

test('what comes and goes is told, and what stays the same is not', async () => {
  const server = await startNameServer({ 'a-service.shop.local': ['10.0.0.1'] });
  const discovery = startDiscovery(server.address);
  const heard: string[] = [];
  discovery.onChange('a-service', (instances) => heard.push(instances.map(({ address }) => address).join()));
  await discovery.waitFor('a-service');

  server.records = { 'a-service.shop.local': ['10.0.0.2', '10.0.0.1'] };
  await eventually(() => heard.length === 2);
  server.records = { 'a-service.shop.local': ['10.0.0.1', '10.0.0.2'] };
  await askedAgain(server);
  server.records = { 'a-service.shop.local': ['10.0.0.2'] };
  await eventually(() => heard.length === 3);

  expect(heard).toEqual(['10.0.0.1', '10.0.0.1,10.0.0.2', '10.0.0.2']);
});

test('the last good list survives a name server that is broken, and is brought up to date after it', async () => {
  const server = await startNameServer({ 'a-service.shop.local': ['10.0.0.1'] });
  const { logger, lines } = recordingLogger();
  const discovery = startDiscovery(server.address, { logger, emptyBelievedAfterMs: 1 });
  await discovery.waitFor('a-service');

  server.mood = 'broken';
  server.records = { 'a-service.shop.local': ['10.0.0.2'] };
  await askedAgain(server);
  expect(addressesOf(discovery)).toEqual(['10.0.0.1']);

  server.mood = 'well';
  await eventually(() => addressesOf(discovery).join() === '10.0.0.2');
  await eventually(() => lines.length === 2);
  // A line for each change, not for each refusal.
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ['warn', 'dns does not answer'],
    ['info', 'dns answers again'],
  ]);
});

test('the last good list survives a name server that says nothing at all', async () => {
  const server = await startNameServer({ 'a-service.shop.local': ['10.0.0.1'] });
  const { logger, lines } = recordingLogger();
  const discovery = startDiscovery(server.address, { logger, emptyBelievedAfterMs: 1 });
  await discovery.waitFor('a-service');

  server.mood = 'silent';
  await eventually(() => lines.length > 0);

  expect(lines).toMatchObject([{ msg: 'dns does not answer' }]);
  expect(addressesOf(discovery)).toEqual(['10.0.0.1']);
});

test('where one kind of address is not answered, the other one is believed', async () => {
  const server = await startNameServer({ 'a-service.shop.local': ['10.0.0.1', 'fd00::1'] });
  const discovery = startDiscovery(server.address);
  await eventually(() => addressesOf(discovery).length === 2);

  server.mood = 'broken for IPv4';
  server.records = { 'a-service.shop.local': ['fd00::2'] };
  await eventually(() => addressesOf(discovery).includes('[fd00::2]'));

  expect(addressesOf(discovery)).toEqual(['10.0.0.1', '[fd00::2]']);
});

test('NXDOMAIN that a dying name server gives as its last answer is not believed', async () => {
  const server = await startNameServer({ 'a-service.shop.local': ['10.0.0.1'] });
  const discovery = startDiscovery(server.address, { emptyBelievedAfterMs: 1_000 });
  await discovery.waitFor('a-service');

  server.records = {};
  await askedAgain(server);
  server.mood = 'broken';
  // Eight questions every 20 ms: longer than it would take to be believed.
  await askedAgain(server, 480);

  expect(addressesOf(discovery)).toEqual(['10.0.0.1']);
});

test.each(['NXDOMAIN', 'an answer without addresses'])('%s is not believed at once', async (what) => {
  const server = await startNameServer({ 'a-service.shop.local': ['10.0.0.1'] });
  const [patient, hasty] = [
    startDiscovery(server.address),
    startDiscovery(server.address, { emptyBelievedAfterMs: 1 }),
  ];
  await Promise.all([patient.waitFor('a-service'), hasty.waitFor('a-service')]);

  server.records = what === 'NXDOMAIN' ? {} : { 'a-service.shop.local': [] };
  await eventually(() => addressesOf(hasty).length === 0);

  expect(addressesOf(patient)).toEqual(['10.0.0.1']);
});

test('stable instances that are gone for a moment do not leave all to the canary', async () => {
  const server = await startNameServer({
    'a-service.shop.local': ['10.0.0.1'],
    'a-service-canary.shop.local': ['10.0.0.9'],
  });
  const discovery = startDiscovery(server.address);
  await eventually(() => discovery.instances('a-service').length === 2);

  server.records = { 'a-service-canary.shop.local': ['10.0.0.9'] };
  await askedAgain(server);

  expect(addressesOf(discovery)).toEqual(['10.0.0.1', '10.0.0.9']);
});

test('who waits for a service that nobody knows is told so', async () => {
  const server = await startNameServer({});

  await expect(startDiscovery(server.address).waitFor('b-service', 100)).rejects.toThrow(
    'no instance of b-service in DNS after 100 ms',
  );
});

describe('the configuration', () => {
  const schema = z.object(processConfig);
  const read = (environment: Record<string, string>) =>
    loadConfig({
      service: 'nobody',
      schema,
      environment: { INTERNAL_JWKS: 'a', INTERNAL_PRIVATE_KEY: 'b', ...environment },
    });

  test('leads to the instances', async () => {
    const server = await startNameServer({ 'a-service.shop.svc.cluster.local': ['10.0.0.1'] });
    const config = read({
      DISCOVERY: 'dns',
      DNS_SUFFIX: '.shop.svc.cluster.local',
      DNS_HTTP_PORT: '80',
      DNS_GRPC_PORT: '81',
      DNS_REFRESH_MS: '250',
      DNS_SERVERS: `${server.address}, 127.0.0.1:1`,
    });
    const discovery = createDiscovery(config, recordingLogger().logger);
    closers.push(discovery.stop);
    await discovery.start();

    await discovery.waitFor('a-service');

    expect(discovery.instances('a-service')).toMatchObject([
      { address: '10.0.0.1', httpPort: 80, grpcPort: 81 },
    ]);
  });

  test('names every key that is wrong', () => {
    let thrown: unknown;
    try {
      read({
        DISCOVERY: 'zeroconf',
        DNS_SUFFIX: 'shop.local',
        DNS_HTTP_PORT: '0',
        DNS_GRPC_PORT: '65536',
        DNS_REFRESH_MS: '249',
        DNS_SERVERS: '10.0.0.1:53,dns.shop.local',
      });
    } catch (error) {
      thrown = error;
    }

    expect(thrown).toBeInstanceOf(ConfigError);
    expect((thrown as ConfigError).problems.map((problem) => problem.split(':')[0])).toEqual([
      'DISCOVERY',
      'DNS_SUFFIX',
      'DNS_HTTP_PORT',
      'DNS_GRPC_PORT',
      'DNS_REFRESH_MS',
      'DNS_SERVERS',
    ]);
  });
});
