import { eventually } from '@onrush/chassis/testing/wait';
import type { PlainMessage } from '../src/connection/plain-message';
import { answer, ask, connectWarm, endServers, get, readers, start, type Served } from './plain-server';
import { connectRaw, head } from './raw-socket';

afterEach(endServers);

test('the first request of a connection is read by Node, those after it are not, and the answers are alike', async () => {
  const { port, served } = await start();
  const connection = await connectRaw(port);

  const [first, second] = [await ask(connection, get('/a')), await ask(connection, get('/a'))];

  expect(readers(served)).toBe('node,plain');
  const { date, ...headers } = second.headers;
  expect(Date.parse(date ?? '')).toBeGreaterThan(Date.now() - 5_000);
  expect({ ...second, headers: { ...headers, date: first.headers['date'] } }).toEqual(first);
  expect(Object.keys(second.headers)).toEqual(Object.keys(first.headers));
});

test('a body is there, whole, for who asks for it and for who reads a stream', async () => {
  const bodies: string[] = [];
  const { port, served } = await start((one) => {
    one.request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
    one.request.on('end', () => answer(one));
  });
  const connection = await connectWarm(port);

  await ask(connection, `${head('POST /a', 'Content-Length: 4')}abcd`);

  expect(readers(served)).toBe('node,plain');
  expect(bodies).toEqual(['abcd']);
  expect((served[1]?.request as PlainMessage).body.toString()).toBe('abcd');
});

test('from the first bytes on that are not one plain request, Node reads all', async () => {
  const { port, served } = await start();
  const connection = await connectWarm(port);
  await ask(connection, get('/plain'));

  const { socket } = (served[1] as Served).request;
  const before = socket.bytesRead;
  connection.send(get('/half').slice(0, 20));
  await eventually(() => socket.bytesRead === before + 20);
  expect(await ask(connection, get('/half').slice(20))).toMatchObject({ body: '{"at":"/half"}' });
  expect(await ask(connection, get('/after'))).toMatchObject({ body: '{"at":"/after"}' });

  expect(readers(served)).toBe('node,plain,node,node');
});

test('what is left of a body that nobody waited for is no request', async () => {
  const { port, served } = await start();
  const connection = await connectRaw(port);
  const hidden = get('/hidden');
  await ask(connection, head('POST /a', `Content-Length: ${hidden.length + 1}`));

  connection.send(hidden);
  connection.send('.');
  await ask(connection, get('/b'));

  expect(served.map(({ request }) => request.url)).toEqual(['/a', '/b']);
});

test('requests that are sent ahead are answered in their order, one at a time', async () => {
  const { port, served } = await start((one) =>
    setTimeout(answer, one.request.url === '/slow' ? 40 : 0, one),
  );
  const connection = await connectWarm(port);

  connection.send(get('/slow'));
  await eventually(() => served.length === 2);
  connection.send(get('/b'));
  connection.send(get('/c'));
  connection.send(get('/d') + get('/e'));

  const bodies: string[] = [];
  for (let count = 0; count < 5; count += 1) bodies.push((await connection.next()).body);
  expect(bodies).toEqual(['/slow', '/b', '/c', '/d', '/e'].map((url) => `{"at":"${url}"}`));
});

test('sent ahead behind one that Node reads, it is Node that reads it', async () => {
  const { port, served } = await start(() => undefined);
  const connection = await connectRaw(port);
  for (const [index, path] of ['/a', '/b'].entries()) {
    connection.send(get(path));
    await eventually(() => served.length === index + 1);
  }

  for (const one of served) answer(one);

  expect(await connection.next()).toMatchObject({ body: '{"at":"/a"}' });
  expect(await connection.next()).toMatchObject({ body: '{"at":"/b"}' });
  connection.send(get('/c'));
  await eventually(() => served.length === 3);
  expect(readers(served)).toBe('node,node,plain');
});

test('an answer whose client has gone is closed without having been sent', async () => {
  const { port, served } = await start((one) => {
    if (one.request.url === '/first') answer(one);
  });
  const connection = await connectWarm(port);
  connection.send(get('/never'));
  await eventually(() => served.length === 2);
  const { response } = served[1] as Served;
  let closes = 0;
  response.on('close', () => (closes += 1));

  connection.socket.resetAndDestroy();

  await eventually(() => closes === 1);
  expect(response.writableFinished).toBe(false);
  expect(response.destroyed).toBe(true);
});

test('an answer that was sent is closed once, and was finished then', async () => {
  const closes: boolean[] = [];
  const { port } = await start((one) => {
    one.response.on('close', () => closes.push(one.response.writableFinished));
    answer(one);
  });
  const connection = await connectWarm(port);
  await ask(connection, get('/a'));

  connection.socket.destroy();
  await connection.closed();

  expect(closes).toEqual([true, true]);
});

test('a server that closes answers what it was asked, and ends who asks for nothing', async () => {
  let isClosing = false;
  const { server, port, served } = await start((one) => {
    const last = () => {
      one.response.shouldKeepAlive = !isClosing;
      answer(one);
    };
    if (one.request.url === '/slow') setTimeout(last, 60);
    else last();
  });
  const [idle, busy] = [await connectWarm(port), await connectWarm(port)];
  await ask(idle, get('/a'));
  busy.send(get('/slow'));
  await eventually(() => served.length === 4);

  isClosing = true;
  const closed = new Promise((resolve) => server.close(resolve));

  await idle.closed();
  const last = await busy.next();
  expect(last).toMatchObject({ status: 200, body: '{"at":"/slow"}', headers: { connection: 'close' } });
  await busy.closed();
  await closed;
});

test('a connection has so many requests as the server allows', async () => {
  const { server, port } = await start();
  server.maxRequestsPerSocket = 3;
  const connection = await connectWarm(port);

  expect((await ask(connection, get('/a'))).headers['connection']).toBe('keep-alive');
  expect((await ask(connection, get('/b'))).headers['connection']).toBe('close');
  await connection.closed();
});

test('a silent connection is ended, but not while it waits for its answer', async () => {
  const { server, port } = await start((one) =>
    setTimeout(answer, one.request.url === '/slow' ? 1_500 : 0, one),
  );
  // Longer than this process may stand still between two requests.
  server.keepAliveTimeout = 1_000;
  server.keepAliveTimeoutBuffer = 20;
  const connection = await connectWarm(port);

  expect(await ask(connection, get('/slow'))).toMatchObject({ body: '{"at":"/slow"}' });
  await connection.closed(20_000);
});

test('an upgrade goes the way it goes in Node, with what came behind it', async () => {
  const { server, port } = await start();
  const upgraded = new Promise<string>((resolve) =>
    server.on('upgrade', (_request, socket, early: Buffer) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      socket.once('data', (later: Buffer) => resolve(`${early.toString()} ${later.toString()}`));
      socket.on('end', () => socket.end());
    }),
  );
  const connection = await connectWarm(port);
  await ask(connection, get('/a'));

  connection.send(`${get('/chat', 'Connection: Upgrade', 'Upgrade: chat')}early`);
  await eventually(() => connection.interim.includes(101));
  connection.send('later');

  expect(await upgraded).toBe('early later');
  connection.socket.destroy();
});
