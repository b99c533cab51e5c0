import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Consul from 'consul';
import { createConsulDiscovery } from '@onrush/chassis/consul-discovery';
import type { Discovery } from '@onrush/chassis/discovery';
import { infrastructure } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';

const { consulAddress } = infrastructure();
const [host = '', consulPort = ''] = consulAddress.split(':');

let fixture: Fixture;
let registry: Discovery;
let token: string;

/** The gateway finds its upstreams in the real Consul, where this test registers them. */
beforeAll(async () => {
  fixture = await startFixture(
    'rotation',
    { discovery: 'consul', consulHttpAddr: consulAddress },
    {},
    {
      prepare: async (config) => {
        registry = createConsulDiscovery({
          address: consulAddress,
          namespace: config.namespace,
          logger: silentLogger,
        });
        await registry.start();
        for (const [service, instances] of Object.entries(config.staticServices))
          for (const { http_port: httpPort, grpc_port: grpcPort } of instances)
            await register(service, httpPort, grpcPort);
      },
    },
  );
  token = await fixture.accessToken();
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  await Promise.all([...registered].map(leave));
  await registry.stop();
});

const registered: string[] = [];
async function register(service: string, httpPort: number, grpcPort: number): Promise<string> {
  const id = `${fixtureName()}-${service}-${httpPort}`;
  registered.push(id);
  const version = '0.1.0';
  await registry.register({ id, service, address: '127.0.0.1', httpPort, grpcPort, version, canary: false });
  return id;
}
async function leave(id: string): Promise<void> {
  registered.splice(registered.indexOf(id), 1);
  await registry.deregister(id);
}
const fixtureName = () => `rotation-${process.pid}`;

interface Replica {
  server: Server;
  served: number;
}

async function startReplica(service: string): Promise<Replica> {
  const replica = { served: 0 } as Replica;
  replica.server = createServer((_request, response) => {
    replica.served += 1;
    response.end('{"code":0}');
  });
  await new Promise<void>((resolve) => replica.server.listen(0, '127.0.0.1', resolve));
  await register(service, (replica.server.address() as AddressInfo).port, 1);
  return replica;
}

const kill = ({ server }: Replica) => {
  server.close();
  server.closeAllConnections();
};
const ask = (path = '/api/v1/orders') => fixture.call(`GET ${path}`, { token });

test('a replica that is killed is out of rotation within a second, before Consul knows, and nobody notices', async () => {
  const replica = await startReplica('order-service');
  await eventually(async () => (await ask()).status === 200 && replica.served > 3);

  kill(replica);
  const killedAt = Date.now();
  const statuses = new Set<number>();
  const attempts = () => refusedAttempts('order-service');
  while (Date.now() - killedAt < 1_000) statuses.add((await ask()).status);
  const before = await attempts();
  for (let request = 0; request < 50; request += 1) statuses.add((await ask()).status);

  expect([...statuses]).toEqual([200]);
  // At most the one probe that half-opening makes.
  expect((await attempts()) - before).toBeLessThanOrEqual(1);
}, 60_000);

async function refusedAttempts(upstream: string): Promise<number> {
  const text = await fixture.metrics.registry.metrics();
  const line = new RegExp(`^gateway_upstream_retries_total{upstream="${upstream}"[^}]*} (\\d+)`, 'm').exec(
    text,
  );
  return Number(line?.[1] ?? 0);
}

test('an instance that comes is used, one that leaves is not, and nothing is dropped on the way', async () => {
  const replica = await startReplica('notify-service');
  await eventually(async () => (await ask('/api/v1/notifications')).status === 200 && replica.served > 0);
  const id = registered.at(-1) ?? '';

  await leave(id);
  const statuses = new Set<number>();
  await eventually(async () => {
    const before = replica.served;
    for (let request = 0; request < 10; request += 1)
      statuses.add((await ask('/api/v1/notifications')).status);
    return replica.served === before;
  });
  kill(replica);

  expect([...statuses]).toEqual([200]);
}, 60_000);

test('the table of routes changes under load, from one request to the next; a bad one changes nothing and is counted', async () => {
  const consul = new Consul({ host, port: Number(consulPort) });
  const key = `onrush/config/${fixture.config.namespace}-gateway`;
  const statuses = new Map<number, number>();
  let isOver = false;
  const load = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const { status } = await ask();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  const news = () => fixture.call('GET /api/v1/news');
  const set = (document: object) => consul.kv.set(key, JSON.stringify(document));

  await set({ routes: { 'GET /api/v1/news': { upstream: 'notify-service', auth: 'public' } } });
  await eventually(async () => (await news()).status === 200);
  await set({ routes: { 'GET /api/v1/other': { auth: 'public' } } });
  await eventually(async () =>
    /^config_refused_total{.*} 1$/m.test(await fixture.metrics.registry.metrics()),
  );
  expect((await news()).status).toBe(200);
  await set({});
  await eventually(async () => (await news()).status === 404);

  isOver = true;
  await load;
  await consul.kv.del(key);
  consul.destroy();
  expect([...statuses.keys()]).toEqual([200]);
}, 60_000);

test('a gateway that stops answers what it has begun, on connections that then close', async () => {
  const other = await startFixture('drain');
  const gate = Promise.withResolvers<void>();
  other.upstream.answer = (_request, response) => void gate.promise.then(() => response.end('{"code":0}'));
  const pending = other.call('GET /api/v1/orders', { token: await other.accessToken() });
  await eventually(() => other.upstream.seen.length === 1);

  const stopped = other.stop();
  gate.resolve();

  const answer = await pending;
  expect(answer.status).toBe(200);
  expect(answer.headers.get('connection')).toBe('close');
  await stopped;
  await expect(fetch(`${other.url}/livez`)).rejects.toThrow();
}, 60_000);
