import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';

/** An upstream with a WebSocket that echoes, and a stream of events that is never over. */
let server: Server;
let sockets: WebSocketServer;
let fixture: Fixture;
let token: string;
let headersSeen: NodeJS.Dict<string | string[]>[] = [];

beforeAll(async () => {
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n');
    const timer = setInterval(() => response.write('data: more\n\n'), 20);
    response.on('close', () => clearInterval(timer));
  });
  sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    headersSeen.push(request.headers);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const changes = {
    routes: {
      'GET /api/v1/notifications/stream': {
        upstream: 'notify-service',
        auth: 'user',
        kind: 'sse' as const,
        timeout_ms: 500,
      },
      'GET /api/v1/chat': {
        upstream: 'notify-service',
        auth: 'permission:chat.join',
        kind: 'websocket' as const,
      },
    },
    maxStreams: 2,
  };
  const notify = [{ address: '127.0.0.1', http_port: port, grpc_port: 1 }];
  fixture = await startFixture('streams', changes, { 'notify-service': notify });
  token = await fixture.accessToken({ permissions: ['chat.join'] });
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  sockets.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => (headersSeen = []));

const chat = (headers: Record<string, string>) =>
  new WebSocket(`ws://127.0.0.1:${fixture.port}/api/v1/chat`, { headers });
const refusalOf = (socket: WebSocket) =>
  new Promise<{ status: number; body: string }>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });

test('a WebSocket passes through, as the verified user', async () => {
  const socket = chat({ authorization: `Bearer ${token}`, 'x-user-id': '1' });
  const answers: string[] = [];
  let version: string | string[] | undefined;
  socket.on('upgrade', ({ headers }) => (version = headers['x-served-version']));
  socket.on('message', (data: Buffer) => answers.push(data.toString()));
  socket.on('open', () => socket.send('hello'));

  await eventually(() => answers.includes('hello'));

  socket.close();
  expect(version).toBe('0.1.0');
  const [headers = {}] = headersSeen;
  expect(headers).not.toHaveProperty('x-user-id');
  expect(headers).not.toHaveProperty('authorization');
  const verified = await fixture.tokens.of('notify-service').verify(String(headers['x-internal-token']));
  expect(verified.user?.id).toBe('42');
});

test.each([
  ['without a token', () => Promise.resolve({}), 401],
  [
    'without the permission',
    async () => ({ authorization: `Bearer ${await fixture.accessToken({ permissions: [] })}` }),
    403,
  ],
])(
  'a handshake %s is refused in the envelope, and the upstream hears nothing',
  async (_name, headers, status) => {
    const refusal = await refusalOf(chat(await headers()));

    expect(refusal.status).toBe(status);
    expect(JSON.parse(refusal.body)).toMatchObject({ code: status * 1_000, data: null });
    expect(headersSeen).toEqual([]);
  },
);

test('a WebSocket route asked for without an upgrade says so; an upgrade of another route is ignored', async () => {
  const plain = await fixture.call('GET /api/v1/chat', { token });
  const other = new WebSocket(`ws://127.0.0.1:${fixture.port}/api/v1/products/1/stock`);

  expect(plain.body.code).toBe(426001);
  expect((await refusalOf(other)).status).toBe(200);
  expect(fixture.upstream.seen.at(-1)?.headers).not.toHaveProperty('upgrade');
});

test('events pass as they come, longer than the time limit of the route, and the upstream hears when the client leaves', async () => {
  const leaving = new AbortController();
  const response = await fetch(`${fixture.url}/api/v1/notifications/stream`, {
    headers: { authorization: `Bearer ${token}` },
    signal: leaving.signal,
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  const began = Date.now();
  while (Date.now() - began < 700) text += new TextDecoder().decode((await reader.read()).value);

  leaving.abort();

  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(text.startsWith('data: one\n\n')).toBe(true);
  await eventually(async () => (await connectionsOf(server)) <= 1);
});

test('no more streams are held than may be', async () => {
  const open = [chat({ authorization: `Bearer ${token}` }), chat({ authorization: `Bearer ${token}` })];
  await eventually(() => open.every(({ readyState }) => readyState === WebSocket.OPEN));

  const refusal = await refusalOf(chat({ authorization: `Bearer ${token}` }));

  expect(JSON.parse(refusal.body)).toMatchObject({ code: 503002 });
  open.forEach((socket) => socket.close());
  await eventually(async () => (await connectionsOf(server)) <= 1);
});

test('a gateway that stops cuts its streams: whoever holds one does not hold up the rest', async () => {
  const authorization = `Bearer ${token}`;
  const socket = chat({ authorization });
  const events = await fetch(`${fixture.url}/api/v1/notifications/stream`, { headers: { authorization } });
  await eventually(() => socket.readyState === WebSocket.OPEN);

  await fixture.stop();

  await eventually(() => socket.readyState === WebSocket.CLOSED);
  await expect(events.text()).rejects.toThrow('terminated');
});

const connectionsOf = (of: Server) =>
  new Promise<number>((resolve) => of.getConnections((_error, count) => resolve(count)));
