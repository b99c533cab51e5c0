import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMetrics } from '@onrush/chassis/metrics';
import type { User } from '@onrush/chassis/request-context';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { createCors } from '../src/connection/cors';
import type { Exchange } from '../src/exchange';
import { createConcurrencyLimit } from '../src/limits/concurrency-limit';
import { unlimited } from '../src/limits/decision';
import { createPipeline, type PipelineOptions } from '../src/pipeline';
import { createRouter } from '../src/router';
import { routes } from '../src/routes';
import { connectRaw, head } from './raw-socket';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** The pipeline alone: who asks is told by the test, and its end takes the exchanges. */
async function startPipeline() {
  const user: User = { id: '42', username: 'mei', roles: [], permissions: [] };
  const known = Promise.withResolvers<User>();
  let asked = 0;
  const served: Exchange[] = [];
  const metrics = createMetrics({ service: 'test' });
  const now = () => performance.now();
  const concurrency = createConcurrencyLimit({ initial: 20, min: 8, max: 100, now, metrics });
  const end = (exchange: Exchange) => {
    served.push(exchange);
    exchange.response.end('{}');
  };
  const options = {
    guard: { refuse: () => undefined },
    router: () => createRouter(routes),
    ends: { call: end, buy: end, sse: end, websocket: end },
    isOwnPage: () => false,
    cors: createCors([]),
    ipRules: { isBlocked: () => false },
    concurrency,
    limiter: { takeForAddress: () => unlimited, takeForCaller: () => unlimited },
    apiKeys: { nameOf: () => undefined },
    authenticator: { authenticate: () => ((asked += 1), known.promise) },
    hosts: undefined,
    trustedHops: 0,
    isReady: () => true,
    logger: silentLogger,
    metrics,
  };
  const server = createServer(createPipeline(options as unknown as PipelineOptions));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, served, concurrency, asked: () => asked, tell: () => known.resolve(user) };
}

test('nothing is begun for a client that left while it was found out who asks', async () => {
  const { port, served, concurrency, asked, tell } = await startPipeline();
  const [leaving, staying] = [await connectRaw(port), await connectRaw(port)];
  leaving.send(head('POST /api/v1/orders/1/cancel'));
  staying.send(head('POST /api/v1/orders/2/cancel'));
  await eventually(() => asked() === 2);

  leaving.socket.destroy();
  await eventually(() => concurrency.inFlight() === 1);
  tell();

  expect((await staying.next()).status).toBe(200);
  expect(served.map(({ path }) => path)).toEqual(['/api/v1/orders/2/cancel']);
  await eventually(() => concurrency.inFlight() === 0);
});

test('room is taken again for a body that has come, once, and given back', async () => {
  const { port, served, concurrency, asked, tell } = await startPipeline();
  const connection = await connectRaw(port);
  tell();
  connection.send(
    `${head('POST /api/v1/orders/1/cancel', 'Content-Type: application/json', 'Content-Length: 4')}ab`,
  );
  await eventually(() => asked() === 1 && concurrency.inFlight() === 0);

  connection.send('cd');

  expect((await connection.next()).status).toBe(200);
  expect(served[0]?.body?.toString()).toBe('abcd');
  await eventually(() => concurrency.inFlight() === 0);
  // Of one that leaves instead nothing was taken.
  connection.send(`${head('POST /api/v1/orders/1/cancel', 'Content-Length: 4')}ab`);
  await eventually(() => asked() === 2 && concurrency.inFlight() === 0);
  connection.socket.destroy();
  await connection.closed();
  expect(concurrency.inFlight()).toBe(0);
});
