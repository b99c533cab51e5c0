import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { createMetrics } from '@onrush/chassis/metrics';
import { freePort } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createLongLived } from '../src/ends/long-lived';
import { createWebSockets } from '../src/ends/web-sockets';
import type { Exchange } from '../src/exchange';
import type { GatewayRoute } from '../src/routes';
import { startFixture, type Fixture } from './fixture';
import { codeOf } from './refusals';
import { connectRaw, head } from './raw-socket';

/** An upstream that answers a handshake with these bytes, or not at all. */
let upstream: net.Server;
let reply: string | undefined;
let connections: net.Socket[] = [];
let fixture: Fixture;
let token: string;

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: theirs\r\n\r\n';
const answerOf = (status: string, type: string, body: string) =>
  `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nX-Powered-By: Express\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

beforeAll(async () => {
  upstream = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => reply !== undefined && socket.write(reply));
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const websocket = { kind: 'websocket' as const, auth: 'user', timeout_ms: 300 };
  const at = (http_port: number) => [{ address: '127.0.0.1', http_port, grpc_port: 1 }];
  fixture = await startFixture(
    'websockets',
    {
      maxStreams: 2,
      routes: {
        'GET /api/v1/chat': { ...websocket, upstream: 'notify-service' },
        'GET /api/v1/away': { ...websocket, upstream: 'user-service' },
      },
    },
    { 'notify-service': at(port), 'user-service': at(await freePort()) },
  );
  token = await fixture.accessToken();
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  connections.forEach((socket) => socket.destroy());
  upstream.close();
});
beforeEach(() => {
  reply = switching;
  connections = [];
});

const handshake = (path: string, ...headers: string[]) =>
  head(
    `GET /api/v1/${path}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  );
const asUser = () => `Authorization: Bearer ${token}`;

/** A connection whose bytes are kept as they come. */
async function shakeHands(path: string, ...headers: string[]) {
  const client = { text: '', isClosed: false };
  const { socket } = await connectRaw(fixture.port);
  socket.on('data', (chunk: Buffer) => (client.text += chunk.toString('latin1')));
  socket.once('close', () => (client.isClosed = true));
  socket.write(handshake(path, asUser(), ...headers));
  return Object.assign(client, { socket });
}

/** The client may see the end before the gateway does: what that is counted by has to be waited for. */
async function refusalOf(path: string) {
  const connection = await connectRaw(fixture.port);
  connection.send(handshake(path, asUser()));
  const answer = await connection.next();
  await connection.closed();
  return answer;
}

const metric = async (pattern: RegExp) =>
  Number(pattern.exec(await fixture.metrics.registry.metrics())?.[1] ?? 0);
const held = () => metric(/gateway_streams\{[^}]*\} (\d+)/);
const isEjected = (service: string) =>
  metric(new RegExp(`gateway_upstream_ejected\\{[^}]*upstream="${service}"[^}]*\\} (\\d)`));
const logged = (route: string, code: number) =>
  metric(
    new RegExp(
      `http_server_duration_seconds_count\\{[^}]*route="/api/v1/${route}"[^}]*code="${code}"[^}]*\\} (\\d+)`,
    ),
  );

test('whoever is refused and does not end the connection does not keep it', async () => {
  const connection = await connectRaw(fixture.port);
  connection.socket.allowHalfOpen = true;
  connection.send(handshake('chat'));
  expect((await connection.next()).status).toBe(401);

  await eventually(() => {
    if (!connection.isClosed()) connection.socket.write('still here');
    return connection.isClosed();
  });
});

test('a service that is away is 503 in the envelope, with when to come again', async () => {
  const answer = await refusalOf('away');

  expect(answer.status).toBe(503);
  expect(codeOf(answer)).toBe(503001);
  expect(JSON.parse(answer.body)).toMatchObject({
    data: null,
    trace_id: expect.stringMatching(/^[\da-f]{32}$/),
  });
  expect(answer.headers).toMatchObject({
    'retry-after': '1',
    'x-request-id': expect.any(String),
    'content-type': 'application/json; charset=utf-8',
  });
  expect(await isEjected('user-service')).toBe(1);
  await eventually(async () => (await logged('away', 503)) === 1);
});

test('a service that does not answer is 504, and hears that nobody waits any more', async () => {
  reply = undefined;

  const answer = await refusalOf('chat');

  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 504, code: 504000 });
  await eventually(() => connections.length === 1 && connections[0]?.closed);
  await eventually(async () => (await held()) === 0);
});

test('the refusal of a service passes, and is logged as what it is', async () => {
  reply = answerOf('401 Unauthorized', 'application/json', '{"code":401700}');

  const answer = await refusalOf('chat');

  expect(answer).toMatchObject({ status: 401, body: '{"code":401700}' });
  expect(answer.headers).toMatchObject({ 'x-served-version': '0.1.0', 'x-content-type-options': 'nosniff' });
  expect(answer.headers).not.toHaveProperty('x-powered-by');
  await eventually(async () => (await logged('chat', 401)) > 0);
});

test('a page of a framework is no refusal: it stays inside', async () => {
  reply = answerOf('500 Internal Server Error', 'text/html', 'Error: at /srv/app.js');

  const answer = await refusalOf('chat');

  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 500, code: 500000 });
});

test('an upstream that resets an open WebSocket ends it, without a word, and counts as well', async () => {
  const before = await logged('chat', 101);
  const client = await shakeHands('chat', 'X-Request-Id: mine-12345');
  await eventually(() => client.text.endsWith('\r\n\r\n'));
  expect(await logged('chat', 101)).toBe(before);

  connections[0]?.resetAndDestroy();

  await eventually(() => client.isClosed);
  expect(client.text).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\n$/);
  expect(client.text).toMatch(/\r\nx-request-id: mine-12345\r\n/i);
  expect(client.text).not.toContain('theirs');
  expect(client.text).not.toContain('503');
  expect(await isEjected('notify-service')).toBe(0);
  await eventually(async () => (await logged('chat', 101)) === before + 1);
  await eventually(async () => (await held()) === 0);
});

test('a client that resets its WebSocket takes the connection upstream with it', async () => {
  const client = await shakeHands('chat');
  await eventually(() => client.text !== '');
  expect(await held()).toBe(1);

  client.socket.resetAndDestroy();

  await eventually(() => connections[0]?.closed);
  await eventually(async () => (await held()) === 0);
});

test('what the upstream said last is still delivered', async () => {
  const client = await shakeHands('chat');
  await eventually(() => client.text !== '');

  connections[0]?.end('last words');

  await eventually(() => client.isClosed);
  expect(client.text.endsWith('\r\n\r\nlast words')).toBe(true);
});

test('a client that went away before its turn is not held', async () => {
  const longLived = createLongLived({ limit: 1, metrics: createMetrics({ service: 'test' }) });
  const hold = jest.spyOn(longLived, 'hold');
  const webSockets = createWebSockets({ longLived } as unknown as Parameters<typeof createWebSockets>[0]);
  const server = new EventEmitter() as Server;
  const request = { method: 'GET', headers: {}, httpVersionMajor: 1 } as IncomingMessage;
  const socket = new net.Socket();
  let response: ServerResponse | undefined;
  webSockets.serve(server, (_request, own) => (response = own));
  server.emit('upgrade', request, socket, Buffer.alloc(0));
  socket.destroy();
  await once(socket, 'close');

  await webSockets.end({ request, response } as Exchange, {} as GatewayRoute, undefined);

  expect(hold).not.toHaveBeenCalled();
});

test('a handshake that was sent ahead, behind a request, is answered in its turn: it cannot take the connection over', async () => {
  const connection = await connectRaw(fixture.port);
  connection.send(head('GET /api/v1/products/1/stock') + handshake('chat', asUser()));

  expect((await connection.next()).status).toBe(200);
  expect(codeOf(await connection.next())).toBe(426001);
  expect((await fixture.call('GET /api/v1/products/1/stock')).status).toBe(200);
  connection.socket.destroy();
});
