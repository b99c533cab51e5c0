import net from 'node:net';
import { withConnections } from '../src/connections';
import { httpRequest, parseAnswer } from '../src/http-wire';
import { countsOf, runLoad, runPatientLoad, runTimedLoad, together } from '../src/load';
import { runPacedLoad } from '../src/paced-load';
import { gets, listen, serve } from './servers';

describe('a closed loop', () => {
  test('sends every request once, and counts every answer', async () => {
    const bodies: string[] = [];
    const at = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        const answer = 'x'.repeat(Number(body) * 10);
        response.writeHead(Number(body) % 2 ? 202 : 409, { 'content-length': answer.length }).end(answer);
      });
    });
    const requests = Array.from({ length: 500 }, (_, index) =>
      httpRequest('POST /x', { 'X-A': '1' }, String(index)),
    );

    const result = await withConnections(at, 16, (connections) => runLoad({ connections, requests }));

    expect([...bodies].sort()).toEqual(requests.map((_, index) => String(index)).sort());
    expect(Object.fromEntries(result.statuses)).toEqual({ 202: 250, 409: 250 });
    expect(countsOf(result, 202)).toEqual({ all: 500, answered: 250, failed: 250 });
    expect(result.latencies).toHaveLength(250);
  });

  test('with a time begins anew with its requests until it is over', async () => {
    const seen = new Set<string | undefined>();
    const at = await serve((request, response) => {
      seen.add(request.url);
      response.end('{}');
    });

    const result = await withConnections(at, 2, (connections) =>
      runTimedLoad({ connections, requests: gets(3), seconds: 0.2 }),
    );

    expect(seen).toEqual(new Set(['/0', '/1', '/2']));
    expect(countsOf(result, 200).answered).toBeGreaterThan(3);
    expect(result.seconds).toBeGreaterThanOrEqual(0.2);
    expect(result.latencies).toEqual([]);
  });

  test('opens a connection again that the server closed in order', async () => {
    const at = await serve((_request, response) => void response.end('{}'));
    at.server.maxRequestsPerSocket = 3;
    let connections = 0;
    at.server.on('connection', () => (connections += 1));

    const result = await withConnections(at, 2, (connections) =>
      runLoad({ connections, requests: gets(30) }),
    );

    expect(Object.fromEntries(result.statuses)).toEqual({ 200: 30 });
    expect(connections).toBeGreaterThanOrEqual(10);
  });

  test.each([
    ['breaks', (socket: net.Socket) => socket.destroy()],
    ['has an answer of unknown length', (socket: net.Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n{}')],
  ])('a connection that %s is counted, and does not hold up the run', async (_how, answer) => {
    const at = await listen(net.createServer((socket) => socket.on('data', () => answer(socket))));

    const result = await withConnections(at, 2, (connections) => runLoad({ connections, requests: gets(2) }));

    expect(Object.fromEntries(result.statuses)).toEqual({ 0: 2 });
  });

  test('a server that is not there is counted for each connection', async () => {
    const at = await listen(net.createServer());
    await new Promise((resolve) => at.server.close(resolve));

    const result = await withConnections(at, 3, (connections) =>
      runLoad({ connections, requests: gets(100) }),
    );

    expect(Object.fromEntries(result.statuses)).toEqual({ 0: 3 });
  });
});

describe('an open loop', () => {
  test('sends so many a second, and no faster', async () => {
    const seen: (string | undefined)[] = [];
    const at = await serve((request, response) => {
      seen.push(request.url);
      response.end('{}');
    });

    const result = await withConnections(at, 8, (connections) =>
      runPacedLoad({ connections, requests: gets(10), requestsPerSecond: 500, seconds: 0.2 }),
    );

    expect(Object.fromEntries(result.statuses)).toEqual({ 200: 100 });
    expect(result.latencies).toHaveLength(100);
    expect(Map.groupBy(seen, (url) => url).get('/7')).toHaveLength(10);
    // The last one is due that late.
    expect(result.seconds).toBeGreaterThanOrEqual(99 / 500);
  });

  test('counts the wait behind a slow answer for everything that was due in the meantime', async () => {
    const slowMs = 300;
    let isFirst = true;
    const at = await serve((_request, response) => {
      setTimeout(() => response.end('{}'), isFirst ? slowMs : 0);
      isFirst = false;
    });

    const result = await withConnections(at, 1, (connections) =>
      runPacedLoad({ connections, requests: gets(1), requestsPerSecond: 1_000, seconds: 0.05 }),
    );

    expect(result.latencies).toHaveLength(50);
    expect(Math.min(...result.latencies)).toBeGreaterThan(slowMs / 2);
  });

  test('a busy connection delays its own people, from when they were due, and nobody else', async () => {
    const slowMs = 300;
    const seen: (string | undefined)[] = [];
    const at = await serve(({ url }, response) => {
      seen.push(url);
      setTimeout(() => response.end('{}'), url === '/0' ? slowMs : 0);
    });

    const { latencies } = await withConnections(at, 2, (connections) =>
      runPacedLoad({ connections, requests: gets(4), requestsPerSecond: 1_000, seconds: 0.004 }),
    );

    expect(seen).toEqual(['/0', '/1', '/3', '/2']);
    expect(latencies.filter((ms) => ms > slowMs / 2)).toHaveLength(2);
  });

  test('opens a connection again that the server closed while it was idle', async () => {
    const at = await listen(
      net.createServer((socket) =>
        socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')),
      ),
    );

    const result = await withConnections(at, 1, (connections) =>
      runPacedLoad({ connections, requests: gets(1), requestsPerSecond: 10, seconds: 0.3 }),
    );

    expect(Object.fromEntries(result.statuses)).toEqual({ 200: 3 });
  });

  test('ends where every connection breaks, and counts what was never answered', async () => {
    const at = await listen(
      net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', () => socket.destroy());
      }),
    );

    const result = await withConnections(at, 4, (connections) =>
      runPacedLoad({ connections, requests: gets(1), requestsPerSecond: 1_000, seconds: 0.1 }),
    );

    expect(Object.fromEntries(result.statuses)).toEqual({ 0: 100 });
  });
});

test('an answer is whole or not yet there', () => {
  const whole = 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1';
  const last = 'HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

  expect(parseAnswer(whole)).toEqual({ status: 202, length: 46, isLast: false });
  expect(parseAnswer(whole.slice(0, 45))).toBeUndefined();
  expect(parseAnswer(whole.slice(0, 20))).toBeUndefined();
  expect(parseAnswer(last)).toEqual({ status: 204, length: last.length, isLast: true });
});

describe('patient people', () => {
  test('come back when they are told to, and make room for the next when they have their answer', async () => {
    const tries = new Map<string, number>();
    const at = await serve((request, response) => {
      const person = request.url ?? '';
      const before = tries.get(person) ?? 0;
      tries.set(person, before + 1);
      if (before === 0) response.setHeader('retry-after', '1').statusCode = 503;
      else response.statusCode = person === '/3' ? 409 : 202;
      response.end('{}');
    });

    const { arrived: result } = await withConnections(at, 5, (connections) =>
      runPatientLoad({ connections, requests: gets(5), seconds: 20, arrivalSeconds: 0 }),
    );

    expect(Object.fromEntries(result.statuses)).toEqual({ 503: 5, 202: 4, 409: 1 });
    expect(result.latencies).toHaveLength(4);
    expect(result.refusalLatencies).toHaveLength(6);
    // They wait half of it at least; none of it is the time of an answer.
    expect(result.seconds).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...result.latencies)).toBeLessThan(result.seconds * 1_000);
  });

  test('arrive each at a moment of their own', async () => {
    const seen: (string | undefined)[] = [];
    const at = await serve((request, response) => {
      seen.push(request.url);
      response.end('{}');
    });

    await withConnections(at, 3, async (connections) => {
      const moments = [0.9, 0.5, 0.1];
      const random = jest.spyOn(Math, 'random').mockImplementation(() => moments.shift() ?? 0);
      await runPatientLoad({ connections, requests: gets(3), seconds: 20, arrivalSeconds: 0.5 });
      random.mockRestore();
    });

    expect(seen).toEqual(['/2', '/1', '/0']);
  });

  test('while they arrive they are counted apart', async () => {
    const at = await serve((_request, response) => {
      response.setHeader('retry-after', '1').statusCode = 503;
      response.end('{}');
    });

    // All arrive at once, and wait as long as they may: a second and a half.
    const moments = [0, 0, 0, 0];
    const random = jest.spyOn(Math, 'random').mockImplementation(() => moments.shift() ?? 1);
    const { arriving, arrived } = await withConnections(at, 4, (connections) =>
      runPatientLoad({ connections, requests: gets(4), seconds: 1, arrivalSeconds: 1.2 }),
    );
    random.mockRestore();
    const all = together(arriving, arrived);

    expect(Object.fromEntries(arriving.statuses)).toEqual({ 503: 4 });
    expect(arriving.refusalLatencies).toHaveLength(4);
    expect(arriving.seconds).toBe(1.2);
    expect(countsOf(arrived, 202).failed).toBeGreaterThan(0);
    expect(arrived.seconds).toBeGreaterThan(0);
    expect(all.statuses.get(503)).toBe(4 + countsOf(arrived, 202).failed);
    expect(all.refusalLatencies).toEqual([...arriving.refusalLatencies, ...arrived.refusalLatencies]);
    expect(all.seconds).toBe(arriving.seconds + arrived.seconds);
  });

  test('who would come back after the end is not waited for', async () => {
    const at = await serve((_request, response) => {
      response.setHeader('retry-after', '3600').statusCode = 503;
      response.end('{}');
    });

    const { arrived } = await withConnections(at, 2, (connections) =>
      runPatientLoad({ connections, requests: gets(2), seconds: 0.2, arrivalSeconds: 0 }),
    );

    expect(Object.fromEntries(arrived.statuses)).toEqual({ 503: 2 });
  });

  test('send nothing when the time is over', async () => {
    const at = await serve((_request, response) => response.end('{}'));

    const { arrived } = await withConnections(at, 2, (connections) =>
      runPatientLoad({ connections, requests: gets(1_000_000), seconds: 0.2, arrivalSeconds: 0 }),
    );

    expect(countsOf(arrived, 200).answered).toBeGreaterThan(0);
    expect(countsOf(arrived, 200).all).toBeLessThan(1_000_000);
  });
});
