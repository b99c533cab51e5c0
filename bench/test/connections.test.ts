import { once } from 'node:events';
import net from 'node:net';
import { until } from '@onrush/e2e/activity';
import { sendInTurns, withConnections } from '../src/connections';
import { runLoad, runPatientLoad } from '../src/load';
import { runPacedLoad } from '../src/paced-load';
import { gets, listen, serve } from './servers';

/** A server that remembers which request came on which connection. */
async function remember() {
  const sockets: net.Socket[] = [];
  const seen = new Map<net.Socket, (string | undefined)[]>();
  const at = await serve((request, response) => {
    seen.get(request.socket)?.push(request.url);
    response.end('{}');
  });
  // It closes none of its own accord.
  at.server.keepAliveTimeout = 0;
  at.server.on('connection', (socket: net.Socket) => {
    sockets.push(socket);
    seen.set(socket, []);
  });
  return { at, sockets, urlsOf: () => sockets.map((socket) => seen.get(socket)) };
}

test('kept connections have the same people in each load, one after the other', async () => {
  const { at, urlsOf } = await remember();
  const requests = gets(5);

  await withConnections(at, 2, async (connections) => {
    await sendInTurns({ connections, requests }, 256);
    await runLoad({ connections, requests });
    await runPacedLoad({ connections, requests, requestsPerSecond: 1_000, seconds: 0.005 });
    await runPatientLoad({ connections, requests, seconds: 20, arrivalSeconds: 0 });
  });

  const even = ['/0', '/2', '/4'];
  const odd = ['/1', '/3'];
  expect(urlsOf()).toHaveLength(2);
  expect(urlsOf()).toContainEqual([...even, ...even, ...even, ...even]);
  expect(urlsOf()).toContainEqual([...odd, ...odd, ...odd, ...odd]);
});

test('all of them are opened for a load, before the first request needs one', async () => {
  const { at, sockets } = await remember();

  const areOpen = await withConnections(at, 20, async (connections) => {
    await runPacedLoad({ connections, requests: gets(1), requestsPerSecond: 1_000, seconds: 0.001 });
    return until(() => Promise.resolve(sockets.length === 20), 5_000, 10);
  });

  expect(areOpen).toBe(true);
});

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

test('connections are closed at the end, also of a work that fails, and nobody watches them any more', async () => {
  const { at, sockets } = await remember();
  const timersBefore = timers();

  const work = withConnections(at, 2, async (connections) => {
    await runLoad({ connections, requests: gets(2) });
    throw new Error('of the work');
  });

  await expect(work).rejects.toThrow('of the work');
  expect(timers()).toBe(timersBefore);
  for (const socket of sockets) if (!socket.closed) await once(socket, 'close');
  expect(sockets).toHaveLength(2);
});

test.each([
  ['ends them', (socket: net.Socket) => void socket.end()],
  [
    'says goodbye',
    (socket: net.Socket) => void socket.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n'),
  ],
])('connections are opened again where the server %s between two loads', async (_how, part) => {
  const { at, sockets } = await remember();

  const result = await withConnections(at, 2, async (connections) => {
    await runLoad({ connections, requests: gets(2) });
    const closed = sockets.map((socket) => once(socket, 'close'));
    sockets.forEach(part);
    await Promise.all(closed);
    return runLoad({ connections, requests: gets(4) });
  });

  expect(Object.fromEntries(result.statuses)).toEqual({ 200: 4 });
  expect(sockets).toHaveLength(4);
});

test('a connection is opened again where more came than was asked for: nobody knows what the next answer would belong to', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';
  let opened = 0;
  const at = await listen(
    net.createServer((socket) => {
      opened += 1;
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write(answer + answer));
    }),
  );

  const result = await withConnections(at, 1, (connections) => runLoad({ connections, requests: gets(3) }));

  expect(Object.fromEntries(result.statuses)).toEqual({ 200: 3 });
  expect(opened).toBe(3);
});

test('an answer that comes in pieces is put together, also where others receive in between', async () => {
  const body = 'é'.repeat(100_000);
  const at = await serve((_request, response) => void response.end(body));

  const result = await withConnections(at, 8, (connections) => runLoad({ connections, requests: gets(64) }));

  expect(Object.fromEntries(result.statuses)).toEqual({ 200: 64 });
});

test('the beginning of an answer that broke off is no part of the next one', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';
  let opened = 0;
  const at = await listen(
    net.createServer((socket) => {
      const isFirst = ++opened === 1;
      socket.on('data', () => (isFirst ? socket.end(answer.slice(0, -1)) : socket.write(answer)));
    }),
  );

  const result = await withConnections(at, 1, (connections) =>
    runPacedLoad({ connections, requests: gets(3), requestsPerSecond: 1_000, seconds: 0.003 }),
  );

  expect(Object.fromEntries(result.statuses)).toEqual({ 0: 1, 200: 2 });
  expect(opened).toBe(2);
});

test('connections break where a server hangs, but not where nothing is asked for as long', async () => {
  const { at, sockets } = await remember();
  const hanging = await serve(() => undefined);

  const idle = await withConnections({ ...at, answerLimitMs: 50 }, 1, (connections) =>
    runPacedLoad({ connections, requests: gets(1), requestsPerSecond: 5, seconds: 0.4 }),
  );
  const hung = await withConnections({ ...hanging, answerLimitMs: 50 }, 2, (connections) =>
    runLoad({ connections, requests: gets(4) }),
  );

  expect(Object.fromEntries(idle.statuses)).toEqual({ 200: 2 });
  expect(sockets).toHaveLength(1);
  expect(Object.fromEntries(hung.statuses)).toEqual({ 0: 2 });
});

test('a connection does not break where each of its answers takes a while, only where one takes too long', async () => {
  const at = await serve((_request, response) => void setTimeout(() => response.end('{}'), 200));

  const result = await withConnections({ ...at, answerLimitMs: 300 }, 1, (connections) =>
    runLoad({ connections, requests: gets(5) }),
  );

  expect(Object.fromEntries(result.statuses)).toEqual({ 200: 5 });
});

test('in turns, no more requests are at work than may be at one time', async () => {
  let atWork = 0;
  let most = 0;
  const at = await serve((_request, response) => {
    atWork += 1;
    most = Math.max(most, atWork);
    setImmediate(() => {
      atWork -= 1;
      response.end('{}');
    });
  });

  const statuses = await withConnections(at, 10, (connections) =>
    sendInTurns({ connections, requests: gets(35) }, 3),
  );

  expect(statuses).toEqual(Array(35).fill(200));
  expect(most).toBe(3);
});
