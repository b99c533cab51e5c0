import net from 'node:net';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw, type RawConnection } from './raw-socket';

const most = 4;
const page = head('GET /api/v1/products');
/** `Upgrade` on a route with a WebSocket, and CONNECT: what Node hands over or lets go of. */
const chat = {
  'GET /api/v1/chat': { upstream: 'notify-service', auth: 'public', kind: 'websocket' as const },
};
const handshake = head(
  'GET /api/v1/chat',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
);

let fixture: Fixture;
const others: Fixture[] = [];
beforeAll(async () => {
  fixture = await startFixture('conncap', { maxConnectionsPerAddress: most, routes: chat });
  fixture.upstream.server.on('upgrade', (_request, socket: net.Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.resume().on('end', () => socket.end());
  });
}, 60_000);
afterEach(async () => {
  for (const other of others.splice(0)) await other.stop();
});
afterAll(() => fixture.stop());

async function start(...options: Parameters<typeof startFixture>): Promise<Fixture> {
  const other = await startFixture(...options);
  others.push(other);
  return other;
}

const open = (count: number, { port }: Fixture = fixture) =>
  Promise.all(Array.from({ length: count }, () => connectRaw(port)));
const close = (connections: RawConnection[]) => connections.forEach(({ socket }) => socket.destroy());
const metric = async (line: string, { metrics }: Fixture = fixture) =>
  Number(
    (await metrics.registry.metrics())
      .split('\n')
      .find((each) => each.startsWith(line))
      ?.split(' ')
      .at(-1) ?? 0,
  );
const refusedBy = (cap: string, of: Fixture = fixture) =>
  metric(`gateway_connections_refused_total{cap="${cap}"`, of);
const areOpen = (count: number, of: Fixture = fixture) =>
  eventually(async () => (await metric('gateway_connections{', of)) === count);

const asked = (connections: RawConnection[]) =>
  Promise.all(
    connections.map(async (connection) => {
      connection.send(page);
      return (await connection.next()).status;
    }),
  );
/** The status that one connection more gets; the reset may come before or after the client thinks it is connected. */
const oneMore = ({ port }: Fixture = fixture) =>
  sendRaw(port, page).then(
    ({ status }) => status,
    () => 'reset',
  );

test('one address has so many connections and no more: what comes then is reset unread, and those before are served', async () => {
  const before = await refusedBy('address');
  const held = await open(most);
  await areOpen(most);

  const beyond = [await oneMore(), await oneMore(), await oneMore()];

  expect(beyond).toEqual(['reset', 'reset', 'reset']);
  expect(await refusedBy('address')).toBe(before + 3);
  expect(await asked(held)).toEqual(Array(most).fill(200));
  close(held);
  await areOpen(0);
});

test('another address has its own', async () => {
  const held = await open(most);
  await areOpen(most);
  // Every address of 127.0.0.0/8 is this machine.
  const socket = net.connect({ port: fixture.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));

  socket.write(page);

  await eventually(() => received.startsWith('HTTP/1.1 200'));
  socket.destroy();
  close(held);
  await areOpen(0);
});

describe('a place is free again, once, when its connection', () => {
  test.each<[string, (connection: RawConnection) => unknown]>([
    ['is ended by the client', ({ socket }) => socket.end()],
    ['is reset by the client', ({ socket }) => socket.resetAndDestroy()],
    ['was refused for what it sent', ({ send }) => send('GET / HTTP/1.1\nHost: a\n\n')],
    ['breaks off in a request', ({ send, socket }) => (send(page.slice(0, 20)), socket.end())],
    ['breaks off in a body', ({ send, socket }) => (send(postOf('{"a":')), socket.resetAndDestroy())],
    ['was the last of an answer', ({ send }) => send(head('GET /api/v1/products', 'Connection: close'))],
    [
      'asked for a tunnel',
      ({ send }) => send('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n'),
    ],
    [
      'became a WebSocket',
      async (connection) => {
        connection.send(handshake);
        await eventually(() => connection.interim.includes(101));
        connection.socket.destroy();
      },
    ],
  ])('%s', async (_name, end) => {
    for (let round = 0; round < 2; round += 1) {
      const held = await open(most);
      await areOpen(most);
      await Promise.all(held.map(end));
      await areOpen(0);
      close(held);
    }

    // Not one more, either: a place that was given back twice would be two.
    const held = await open(most);
    await areOpen(most);
    expect(await oneMore()).toBe('reset');
    expect(await asked(held)).toEqual(Array(most).fill(200));
    close(held);
    await areOpen(0);
  });

  const postOf = (begun: string) =>
    `${head('POST /api/v1/register', 'Content-Type: application/json', 'Content-Length: 100')}${begun}`;
});

test('behind a trusted proxy, whose connections are all clients’, addresses are not counted, and the process is', async () => {
  const behind = await start('conncaphops', {
    trustedHops: 1,
    maxConnections: 3 * most,
    maxConnectionsPerAddress: most,
  });

  const held = await open(3 * most, behind);
  const statuses = await asked(held);
  const beyond = await oneMore(behind);

  expect(statuses).toEqual(Array(3 * most).fill(200));
  expect(beyond).toBe('reset');
  expect(await refusedBy('address', behind)).toBe(0);
  expect(await refusedBy('process', behind)).toBe(1);
  close(held);
});

test('a process that is full refuses everybody, and has room as soon as somebody goes', async () => {
  const full = await start('conncapall', { maxConnections: most });
  const held = await open(most, full);
  await areOpen(most, full);
  const beyond = await oneMore(full);

  close(held.splice(0, 1));
  await areOpen(most - 1, full);

  expect(beyond).toBe('reset');
  expect(await oneMore(full)).toBe(200);
  close(held);
});
