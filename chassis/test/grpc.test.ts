import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { createStaticDiscovery, type Instance } from '../src/discovery';
import { defineErrors } from '../src/errors';
import { createGrpcClient } from '../src/grpc-client';
import { createGrpcServer, serve, type ServedMethod } from '../src/grpc-server';
import { internalTokenHeader } from '../src/internal-tokens';
import { createMetrics } from '../src/metrics';
import { currentContext, runInContext } from '../src/request-context';
import { recordingLogger } from '../src/testing/logger';
import { metricOf } from '../src/testing/metrics';
import { createTestTokens } from '../src/testing/tokens';
import { eventually } from '../src/testing/wait';

interface Words {
  text: string;
}
interface EchoDefinition extends grpc.ServiceDefinition {
  Say: MethodDefinition<Words, Words, Words, Words>;
  Chat: MethodDefinition<Words, Words, Words, Words>;
  Listen: MethodDefinition<Words, Words, Words, Words>;
}
const echo = loadSync(path.join(__dirname, 'echo.proto'))['onrush.test.v1.Echo'] as unknown as EchoDefinition;
const errors = defineErrors('seckill-service', { soldOut: { http: 409, number: 4, message: 'sold out' } });
const tokens = createTestTokens();
const { logger, lines } = recordingLogger();
const closers: (() => Promise<void>)[] = [];

type Say = NonNullable<ServedMethod<EchoDefinition['Say']>['unary']>;

async function startServer(say: Say, port = 0, metrics = createMetrics({ service: 'test' })) {
  const methods = {
    Say: { allow: ['order-service'], unary: say },
    Chat: {
      allow: ['order-service'],
      duplex: (stream: grpc.ServerDuplexStream<Words, Words>) => {
        stream.on('data', (words: Words) => stream.write(words));
        stream.on('end', () => stream.end());
      },
    },
    Listen: {
      allow: ['order-service'],
      serverStream: (stream: grpc.ServerWritableStream<Words, Words>) => {
        for (const word of stream.request.text.split(' ')) stream.write({ text: word });
        stream.end();
      },
    },
  };
  const server = createGrpcServer({
    host: '127.0.0.1',
    port,
    services: [serve(echo, methods)],
    tokens: tokens.of('seckill-service'),
    errors,
    logger,
    metrics,
  });
  await server.start();
  closers.push(server.stop);
  return server;
}

function clientOf(ports: number[], caller = 'order-service', metrics = createMetrics({ service: 'test' })) {
  const instances = ports.map((port) => ({ address: '127.0.0.1', http_port: 0, grpc_port: port }));
  const client = createGrpcClient({
    service: 'seckill-service',
    definition: echo,
    discovery: createStaticDiscovery({ 'seckill-service': instances }),
    tokens: tokens.of(caller),
    errors,
    metrics,
  });
  closers.push(client.stop);
  return client;
}

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test('a call carries its caller, its user and its ids', async () => {
  const seen: unknown[] = [];
  const server = await startServer((words, caller) => {
    seen.push(caller, currentContext());
    return Promise.resolve({ text: words.text.toUpperCase() });
  });
  const user = { id: '7', username: 'mei', roles: ['user'], permissions: [] };
  const request = { requestId: 'request-1', traceId: 'a'.repeat(32), user };

  const answer = await runInContext(request, () => clientOf([server.port()]).call('Say', { text: 'hi' }));

  expect(answer).toEqual({ text: 'HI' });
  expect(seen[0]).toEqual({ service: 'order-service', user });
  expect(seen[1]).toMatchObject({ requestId: 'request-1', caller: 'order-service', user });
});

test('who is not on the list of a method is refused, and so is who has no token', async () => {
  const say = jest.fn<ReturnType<Say>, Parameters<Say>>((words) => Promise.resolve(words));
  const server = await startServer(say);

  await expect(clientOf([server.port()], 'notify-service').call('Say', { text: '' })).rejects.toMatchObject({
    code: 403400,
  });
  const bare = new grpc.Client(`127.0.0.1:${server.port()}`, grpc.credentials.createInsecure());
  const { path: at, requestSerialize, responseDeserialize } = echo.Say;
  const refusal = await new Promise<grpc.ServiceError | null>((resolve) =>
    bare.makeUnaryRequest(at, requestSerialize, responseDeserialize, { text: '' }, resolve),
  );
  bare.close();

  expect(refusal?.code).toBe(grpc.status.UNAUTHENTICATED);
  expect(say).not.toHaveBeenCalled();
});

test('an error of the catalogue arrives as itself; any other as the fixed one, and its cause stays in the log', async () => {
  const server = await startServer(({ text }) =>
    Promise.reject(text === 'sold out' ? errors.soldOut({ meta: { left: 0 } }) : new Error('secret detail')),
  );
  const client = clientOf([server.port()]);

  await expect(client.call('Say', { text: 'sold out' })).rejects.toMatchObject({
    code: 409404,
    meta: { left: 0 },
  });
  const failure = await client.call('Say', { text: 'x' }).catch((error: unknown) => error as Error);
  expect(failure).toMatchObject({ code: 500400, message: 'internal error' });
  expect(JSON.stringify(failure)).not.toContain('secret detail');
  expect(JSON.stringify(lines)).toContain('secret detail');
});

test('a call ends with its own time-out, or earlier with that of its request', async () => {
  const server = await startServer(() => new Promise(() => undefined));
  const client = clientOf([server.port()]);

  await expect(client.call('Say', { text: '' }, { timeoutMs: 50 })).rejects.toMatchObject({ code: 504400 });
  const nearlyOver = { requestId: 'r', traceId: 't', deadline: Date.now() + 80 };
  const began = Date.now();
  await expect(runInContext(nearlyOver, () => client.call('Say', { text: '' }))).rejects.toMatchObject({
    code: 504400,
  });
  expect(Date.now() - began).toBeLessThan(2_000);
  const over = { requestId: 'r', traceId: 't', deadline: Date.now() };
  await expect(runInContext(over, () => client.call('Say', { text: '' }))).rejects.toMatchObject({
    code: 504400,
  });
});

test('a service that is away is tried again only where the call says it may be', async () => {
  let calls = 0;
  const flaky: Say = (words) => {
    calls += 1;
    return calls < 3 ? Promise.reject(errors.unavailable()) : Promise.resolve(words);
  };
  const server = await startServer(flaky);
  const client = clientOf([server.port()]);

  await expect(client.call('Say', { text: '1' })).rejects.toMatchObject({ code: 503400 });
  expect(calls).toBe(1);
  calls = 0;
  expect(await client.call('Say', { text: '2' }, { idempotent: true })).toEqual({ text: '2' });
  expect(calls).toBe(3);
});

test('a refusal is never tried again, whatever the call says', async () => {
  let calls = 0;
  const server = await startServer(() => {
    calls += 1;
    return Promise.reject(errors.soldOut());
  });

  await expect(
    clientOf([server.port()]).call('Say', { text: '' }, { idempotent: true }),
  ).rejects.toMatchObject({ code: 409404 });
  expect(calls).toBe(1);
});

test('ten failures in a row open the breaker: the callee is left in peace, and asked again later', async () => {
  let calls = 0;
  let isWell = false;
  const server = await startServer((words) => {
    calls += 1;
    return isWell ? Promise.resolve(words) : Promise.reject(new Error('broken'));
  });
  const metrics = createMetrics({ service: 'test' });
  const client = clientOf([server.port()], 'order-service', metrics);
  const breaker = () => metricOf(metrics, 'grpc_client_breaker_open', { callee: 'seckill-service' });
  expect(await breaker()).toBe(0);
  for (let call = 0; call < 10; call += 1) await client.call('Say', { text: '' }).catch(() => undefined);
  expect(calls).toBe(10);

  await expect(client.call('Say', { text: '' })).rejects.toMatchObject({
    code: 503400,
    meta: { breaker: 'open' },
  });
  expect(calls).toBe(10);
  expect(await breaker()).toBe(1);
  // It tries once, and goes on being open.
  await eventually(async () => {
    await client.call('Say', { text: '' }).catch(() => undefined);
    return calls === 11;
  });
  expect(await breaker()).toBe(1);

  isWell = true;
  expect(await eventually(() => client.call('Say', { text: 'again' }))).toEqual({ text: 'again' });
  expect(await breaker()).toBe(0);
});

test('without an instance the call fails at once', async () => {
  await expect(clientOf([]).call('Say', { text: '' })).rejects.toMatchObject({ code: 503400 });
});

const instanceAt = (port: number): Instance => ({
  id: 'x',
  service: 'seckill-service',
  address: '127.0.0.1',
  httpPort: 0,
  grpcPort: port,
  version: '0.1.0',
  canary: false,
});

test('one request gets many answers; a caller that is not on the list gets none', async () => {
  const server = await startServer((words) => Promise.resolve(words));
  const instance = instanceAt(server.port());
  const heard: string[] = [];

  const stream = await clientOf([]).openServerStream('Listen', { text: 'one by one' }, instance);
  for await (const { text } of stream as AsyncIterable<Words>) heard.push(text);
  const stranger = await clientOf([], 'notify-service').openServerStream('Listen', { text: 'me' }, instance);
  stranger.on('data', ({ text }: Words) => heard.push(text));
  const refused = await new Promise<grpc.ServiceError>((resolve) => stranger.once('error', resolve));

  expect(heard).toEqual(['one', 'by', 'one']);
  expect(refused.code).toBe(grpc.status.PERMISSION_DENIED);
});

test('a stream is read only after its caller is verified, and counted for as long as it is open', async () => {
  const metrics = createMetrics({ service: 'test' });
  const server = await startServer((words) => Promise.resolve(words), 0, metrics);
  const method = '/onrush.test.v1.Echo/Chat';
  const open = () => metricOf(metrics, 'grpc_server_streams', { method });
  const begun = (code: string) =>
    metricOf(metrics, 'grpc_server_duration_seconds', { method, code, le: '+Inf' });
  const instance = instanceAt(server.port());

  const stream = await clientOf([server.port()]).openStream('Chat', instance);
  const echoed = new Promise((resolve) => stream.once('data', resolve));
  stream.write({ text: 'there?' });
  expect(await echoed).toEqual({ text: 'there?' });
  expect(await open()).toBe(1);
  stream.end();
  await eventually(async () => (await open()) === 0);

  const stranger = await clientOf([server.port()], 'notify-service').openStream('Chat', instance);
  const refused = new Promise<grpc.ServiceError>((resolve) => stranger.once('error', resolve));
  stranger.write({ text: 'let me in' });
  expect((await refused).code).toBe(grpc.status.PERMISSION_DENIED);
  expect(await begun('OK')).toBe(1);
  expect(await begun('PERMISSION_DENIED')).toBe(1);
  await eventually(async () => (await open()) === 0);
});

test('a message above the limit is refused, and the next call is served', async () => {
  const server = await startServer((words) => Promise.resolve({ text: String(words.text.length) }));
  const client = clientOf([server.port()]);

  await expect(client.call('Say', { text: 'x'.repeat(5 * 1024 * 1024) })).rejects.toThrow();
  expect(await client.call('Say', { text: 'x' })).toEqual({ text: '1' });
});

test('health says SERVING to anybody, a bad token does not', async () => {
  const server = await startServer((words) => Promise.resolve(words));
  const metadata = new grpc.Metadata();
  metadata.set(internalTokenHeader, 'garbage');
  const client = new grpc.Client(`127.0.0.1:${server.port()}`, grpc.credentials.createInsecure());
  const ask = (at: string) =>
    new Promise<{ code: number; bytes: string }>((resolve) =>
      client.makeUnaryRequest(
        at,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.alloc(0),
        metadata,
        (error, reply) => resolve({ code: error?.code ?? 0, bytes: reply?.toString('hex') ?? '' }),
      ),
    );

  // HealthCheckResponse { status: SERVING }: field 1, varint, 1.
  expect(await ask('/grpc.health.v1.Health/Check')).toEqual({ code: 0, bytes: '0801' });
  expect((await ask(echo.Say.path)).code).toBe(grpc.status.UNAUTHENTICATED);
  client.close();
});
