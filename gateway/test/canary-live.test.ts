import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Consul from 'consul';
import { createConsulDiscovery } from '@onrush/chassis/consul-discovery';
import type { Discovery } from '@onrush/chassis/discovery';
import { infrastructure } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import type { Config } from '../src/config';
import { startFixture, type Fixture } from './fixture';

const { consulAddress } = infrastructure();
const [host = '', port = ''] = consulAddress.split(':');
const consul = new Consul({ host, port: Number(port) });
const servers: Server[] = [];
let registry: Discovery;
let registered: string[] = [];
let fixture: Fixture;

beforeAll(async () => {
  const versions = [
    { address: '127.0.0.1', http_port: await play(), grpc_port: 1, version: '1.0.0' },
    { address: '127.0.0.1', http_port: await play(), grpc_port: 1, version: '2.0.0', canary: true },
  ];
  fixture = await startFixture(
    'canarylive',
    { discovery: 'consul', consulHttpAddr: consulAddress, routes: {} },
    { 'product-service': versions },
    { prepare: announce },
  );
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  await consul.kv.del(`onrush/config/${fixture.config.namespace}-gateway`);
  for (const id of registered) await registry.deregister(id);
  await registry.stop();
  consul.destroy();
  servers.forEach((server) => server.closeAllConnections());
  servers.forEach((server) => server.close());
});

async function play(): Promise<number> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end('{"code":0}');
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What would be a static list elsewhere is in Consul here: only then are live settings heard of. */
async function announce({ namespace, staticServices }: Config): Promise<void> {
  registry = createConsulDiscovery({ address: consulAddress, namespace, logger: silentLogger });
  for (const [service, entries] of Object.entries(staticServices))
    for (const [index, entry] of entries.entries()) {
      const { address, http_port: httpPort, grpc_port: grpcPort, version = '0.1.0', canary = false } = entry;
      const id = `${namespace}-${service}-${index}`;
      await registry.register({ id, service, address, httpPort, grpcPort, version, canary });
      registered = [...registered, id];
    }
}

test('a canary begins and ends while the gateway runs, for what passes and for what is kept', async () => {
  const key = `onrush/config/${fixture.config.namespace}-gateway`;
  const versionAt = async (path: string) =>
    (await fixture.call(`GET /api/v1/products${path}`)).headers.get('x-served-version');
  const everywhere = async () => [
    await versionAt('/7/stock'),
    await versionAt('?page=1'),
    await versionAt('?page=1'),
  ];
  await eventually(async () => (await versionAt('/7/stock')) !== null);
  expect(await everywhere()).toEqual(['1.0.0', '1.0.0', '1.0.0']);

  await consul.kv.set(key, JSON.stringify({ canaries: { 'product-service': { weight: 100 } } }));
  await eventually(async () => (await versionAt('/7/stock')) === '2.0.0');
  expect(await everywhere()).toEqual(['2.0.0', '2.0.0', '2.0.0']);

  await consul.kv.set(key, JSON.stringify({ canaries: { 'product-service': { weight: 0 } } }));
  await eventually(async () => (await versionAt('/7/stock')) === '1.0.0');
  expect(await everywhere()).toEqual(['1.0.0', '1.0.0', '1.0.0']);
}, 60_000);
