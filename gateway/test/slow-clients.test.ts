import { createServer, type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { createMetrics } from '@onrush/chassis/metrics';
import { eventually } from '@onrush/chassis/testing/wait';
import { guardConnections, publicServerOptions } from '../src/connection/connection-guard';
import type { SlowReaderLimits } from '../src/connection/slow-readers';
import { connectRaw, head, sendRaw } from './raw-socket';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** The public server with a listener of the test's own and limits of a few hundred milliseconds. */
async function startServer(listener: RequestListener, slowReaders?: SlowReaderLimits) {
  const metrics = createMetrics({ service: 'test' });
  const served: string[] = [];
  const limits = { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 };
  const server = createServer({ ...publicServerOptions, ...limits }, (request, response) => {
    const refusal = guard.refuse(request, response);
    if (refusal) return response.writeHead(refusal.httpStatus, { 'content-length': 0 }).end();
    served.push(request.url ?? '');
    return listener(request, response);
  });
  const guard = guardConnections(server, { metrics, ...(slowReaders && { slowReaders }) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => stop(server));
  const { port } = server.address() as AddressInfo;
  const counted = async (reason: string) =>
    (await metrics.registry.metrics()).split('\n').find((line) => line.includes(`reason="${reason}"`));
  return { server, port, served, counted };
}

const stop = (server: Server) =>
  new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });

const answerAtOnce: RequestListener = (_request, response) => void response.end('ok');

describe('half a request', () => {
  const line = 'GET /a HTTP/1.1\r\n';
  const post = head('POST /a', 'Content-Length: 100');
  test.each([
    ['nothing at all', ''],
    ['a first line', line],
    ['a head without its end', `${line}Host: a\r\nX-A: b`],
  ])('%s: 408 in the envelope, and the connection ends', async (_name, bytes) => {
    const { port, served, counted } = await startServer(answerAtOnce);
    const connection = await connectRaw(port);
    connection.send(bytes);

    const answer = await connection.next();

    expect(answer.status).toBe(408);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 408001, data: null });
    await connection.closed();
    expect(served).toEqual([]);
    expect(await counted('timeout')).toMatch(/ 1$/);
  });

  test('a body that does not come: 408, also while it drips', async () => {
    const { port } = await startServer((request, response) => {
      request.resume().on('end', () => response.end('ok'));
    });
    const connections = await Promise.all([connectRaw(port), connectRaw(port)]);
    for (const connection of connections) connection.send(post);
    const drip = setInterval(() => connections[1].send('x'), 20);

    const answers = await Promise.all(connections.map((connection) => connection.next()));

    clearInterval(drip);
    expect(answers.map(({ status }) => status)).toEqual([408, 408]);
    await Promise.all(connections.map((connection) => connection.closed()));
  });

  test('the end of a request that comes after its 408 does not get it carried out', async () => {
    const { server, port, served } = await startServer(answerAtOnce);
    // Half open: it goes on sending after the server has said its last word.
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString())).on('error', () => undefined);
    socket.write(line);
    await eventually(() => received.includes('408001'));
    socket.write('Host: a\r\n\r\n');

    const connections = () =>
      new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    await eventually(async () => (await connections()) === 0);

    expect(served).toEqual([]);
    socket.destroy();
  });

  test('behind a whole one gets its 408 after the answer to that', async () => {
    const { port } = await startServer(
      (_request, response) => void setTimeout(() => response.end('ok'), 600),
    );
    const connection = await connectRaw(port);
    connection.send(`${head('GET /a')}${line}`);

    await connection.closed();

    expect(connection.answers.map(({ status }) => status)).toEqual([200, 408]);
  });

  test('where the answer has begun, it just ends', async () => {
    const { port } = await startServer((_request, response) => void response.write('half'));
    const connection = await connectRaw(port);
    connection.send(post);

    await connection.closed();

    expect(connection.answers).toEqual([]);
  });
});

describe('an open stream may be silent for longer than every limit', () => {
  const limits = { checkMs: 20, patienceMs: 100, pendingBytes: 1_048_576 };

  test('of events', async () => {
    let emit: (event: string) => unknown = () => undefined;
    const { port } = await startServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      emit = (event) => response.write(event);
    }, limits);
    const connection = await connectRaw(port);
    let received = '';
    connection.socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    connection.send(head('GET /events'));
    await eventually(() => received.includes('event-stream'));

    await outlast(port);
    emit('data: late\n\n');

    await eventually(() => received.includes('data: late'));
    expect(connection.isClosed()).toBe(false);
    connection.socket.destroy();
  });

  test('of messages', async () => {
    const { port, server } = await startServer(answerAtOnce, limits);
    let upgraded: Socket | undefined;
    server.on('upgrade', (_request, socket: Socket) => {
      upgraded = socket;
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
    const connection = await connectRaw(port);
    connection.send(head('GET /events', 'Connection: Upgrade', 'Upgrade: websocket'));
    await eventually(() => connection.interim.includes(101));

    await outlast(port);
    let received = '';
    connection.socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    upgraded?.write('late');

    await eventually(() => received === 'late');
    upgraded?.destroy();
  });

  /** Two who are slower than the limits, one after the other, have been cut off meanwhile. */
  async function outlast(port: number): Promise<void> {
    for (let slow = 0; slow < 2; slow += 1) expect((await sendRaw(port, 'GET /')).status).toBe(408);
  }
});

describe('a client that does not read', () => {
  const chunk = Buffer.alloc(65_536, 'x');
  const chunks = 256;
  /** 16 MiB, written as fast as it is taken. */
  const answerALot: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': chunk.length * chunks });
    let left = chunks;
    const write = () => {
      while (left > 0) {
        left -= 1;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  };

  test('is left, and counted', async () => {
    const { port, counted } = await startServer(answerALot, {
      checkMs: 20,
      patienceMs: 200,
      pendingBytes: 1e9,
    });
    const connection = await connectRaw(port);
    connection.socket.pause();
    connection.send(head('GET /a'));

    await eventually(() => counted('slow_reader'));

    connection.socket.resume();
    await connection.closed();
    expect(connection.answers).toEqual([]);
  });

  test('is left at once where more than the limit waits for it', async () => {
    const { port, counted } = await startServer(
      (_request, response) => void response.end(Buffer.alloc(32 * 1_048_576)),
      { checkMs: 20, patienceMs: 60_000, pendingBytes: 1_048_576 },
    );
    const connection = await connectRaw(port);
    connection.socket.pause();
    connection.send(head('GET /a'));

    await eventually(() => counted('slow_reader'));
    connection.socket.destroy();
  });

  test('is served to the end where it reads slowly but steadily', async () => {
    const { port, counted } = await startServer(answerALot, {
      checkMs: 20,
      // A fraction of what all of it takes, and more than a busy machine stands still.
      patienceMs: 3_000,
      pendingBytes: 1e9,
    });
    const connection = await connectRaw(port);
    let size = 0;
    // The parser of the test would be slower than what is tested.
    connection.socket.removeAllListeners('data');
    connection.socket.on('data', (data: Buffer) => {
      size += data.length;
      connection.socket.pause();
      setTimeout(() => connection.socket.resume(), 30);
    });
    connection.send(head('GET /a'));

    await eventually(() => size > chunk.length * chunks, { timeoutMs: 60_000 });
    expect(await counted('slow_reader')).toBeUndefined();
    connection.socket.destroy();
  }, 90_000);
});
