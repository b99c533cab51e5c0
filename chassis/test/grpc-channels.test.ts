import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import type * as grpc from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { createStaticDiscovery, type Discovery, type Instance } from '../src/discovery';
import { defineErrors } from '../src/errors';
import { createGrpcClient } from '../src/grpc-client';
import { createGrpcServer, serve } from '../src/grpc-server';
import { createMetrics } from '../src/metrics';
import { silentLogger } from '../src/testing/logger';
import { createTestTokens } from '../src/testing/tokens';
import { eventually } from '../src/testing/wait';

interface Words {
  text: string;
}
interface EchoDefinition extends grpc.ServiceDefinition {
  Say: MethodDefinition<Words, Words, Words, Words>;
  Chat: MethodDefinition<Words, Words, Words, Words>;
}
const echo = loadSync(path.join(__dirname, 'echo.proto'))['onrush.test.v1.Echo'] as unknown as EchoDefinition;
const errors = defineErrors('seckill-service', {});
const tokens = createTestTokens();
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An echo, and how many connections it has. */
async function startEcho() {
  const allow = ['order-service'];
  const server = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      serve(echo, {
        Say: { allow, unary: (words) => Promise.resolve(words) },
        Chat: {
          allow,
          duplex: (stream) => {
            stream.on('data', (words: Words) => stream.write(words));
            stream.on('end', () => stream.end());
          },
        },
      }),
    ],
    tokens: tokens.of('seckill-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
  });
  await server.start();
  const open = new Set<net.Socket>();
  const front = net.createServer((socket) => {
    open.add(socket);
    const behind = net.connect(server.port(), '127.0.0.1');
    socket.pipe(behind).pipe(socket);
    for (const each of [socket, behind]) each.on('error', () => undefined);
    socket.on('close', () => open.delete(socket) && behind.destroy());
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  closers.push(server.stop, () => front.close());
  const { port } = front.address() as AddressInfo;
  return { port, open };
}

const instanceAt = (grpcPort: number): Instance => ({
  id: `seckill-${grpcPort}`,
  service: 'seckill-service',
  address: '127.0.0.1',
  httpPort: 0,
  grpcPort,
  version: '0.1.0',
  canary: false,
});

function startClient(first: Instance[]) {
  let known = first;
  const listeners = new Set<(instances: Instance[]) => void>();
  const discovery: Discovery = {
    ...createStaticDiscovery({}),
    instances: () => known,
    onChange: (_service, listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const client = createGrpcClient({
    service: 'seckill-service',
    definition: echo,
    discovery,
    tokens: tokens.of('order-service'),
    errors,
    metrics: createMetrics({ service: 'test' }),
  });
  closers.push(client.stop);
  const list = (...instances: Instance[]) => {
    known = instances;
    for (const listener of listeners) listener(known);
  };
  return { client, list };
}

test('an instance that is no longer listed keeps its connection for what is open, and not longer', async () => {
  const [leaving, staying] = [await startEcho(), await startEcho()];
  const { client, list } = startClient([instanceAt(leaving.port)]);
  await client.call('Say', { text: 'hello' });
  const stream = await client.openStream('Chat', instanceAt(leaving.port));

  list(instanceAt(staying.port));
  await client.call('Say', { text: 'hello' });
  const echoed = once(stream, 'data');
  stream.write({ text: 'still there?' });
  expect(await echoed).toEqual([{ text: 'still there?' }]);
  stream.end();

  await eventually(() => leaving.open.size === 0);
  expect(staying.open.size).toBe(1);
});

test('an idle connection ends with its instance, and one that comes back is connected again', async () => {
  const server = await startEcho();
  const { client, list } = startClient([instanceAt(server.port)]);
  await client.call('Say', { text: 'hello' });

  list();
  await eventually(() => server.open.size === 0);
  list(instanceAt(server.port));

  expect(await client.call('Say', { text: 'again' })).toEqual({ text: 'again' });
});

test('a stream to where nobody listens is not opened', async () => {
  const nobody = await startEcho();
  for (const close of closers.splice(0).reverse()) await close();
  const { client } = startClient([]);

  await expect(client.openStream('Chat', instanceAt(nobody.port))).rejects.toMatchObject({ code: 503400 });
});
