import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createStaticDiscovery, type StaticInstance } from '@onrush/chassis/discovery';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { createApiDocument } from '../src/ends/api-document';
import { applyRouteRules } from '../src/route-rules';
import { routes as table } from '../src/routes';

type Rules = Parameters<typeof applyRouteRules>[1];

const services = ['order-service', 'payment-service'];
const servers: Server[] = [];
afterAll(() => Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve)))));

/** Every service tells of the same paths and methods, and says with each who it is. */
async function startService(service: string): Promise<[string, StaticInstance[]]> {
  const operations = { get: { summary: service }, post: { summary: service } };
  const paths = { '/api/v1/orders': operations, '/api/v1/orders/{id}': operations, '/debug': operations };
  const server = createServer((_request, response) => response.end(JSON.stringify({ paths })));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return [service, [{ address: '127.0.0.1', http_port: port, grpc_port: 1 }]];
}

async function publishedWith(rules: Rules): Promise<string[]> {
  const document = createApiDocument({
    discovery: createStaticDiscovery(Object.fromEntries(await Promise.all(services.map(startService)))),
    tokens: createTestTokens().of('gateway'),
    routes: () => applyRouteRules(table, rules).routes,
    upstreams: services,
  });
  const { paths } = (await document()) as { paths: Record<string, Record<string, { summary: string }>> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { summary }]) => `${method} ${path} of ${summary}`),
  );
}

test('the document shows the methods of a path that are served, as the service tells them to which they lead', async () => {
  expect(await publishedWith({})).toEqual([
    'get /api/v1/orders of order-service',
    'post /api/v1/orders of order-service',
    'get /api/v1/orders/{id} of order-service',
  ]);
});

test('what an operator took away or led elsewhere is so in the document', async () => {
  const rules: Rules = {
    'POST /api/v1/orders': { enabled: false },
    'GET /api/v1/orders/:id': { upstream: 'payment-service' },
  };

  expect(await publishedWith(rules)).toEqual([
    'get /api/v1/orders of order-service',
    'get /api/v1/orders/{id} of payment-service',
  ]);
});
