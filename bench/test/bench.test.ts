import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { httpRequest, parseAnswer, runLoad } from '../src/load';
import { machine, resultSchema, writeResult } from '../src/results';
import { spreadOf } from '../src/statistics';

test('the load generator sends every request once, and counts every answer', async () => {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      const answer = 'x'.repeat(Number(body) * 10);
      response.writeHead(Number(body) % 2 ? 202 : 409, { 'content-length': answer.length }).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const requests = Array.from({ length: 500 }, (_, index) =>
    httpRequest('POST /x', { 'X-A': '1' }, String(index)),
  );

  const result = await runLoad({ host: '127.0.0.1', port, connections: 16, requests });

  server.close();
  expect([...bodies].sort()).toEqual(requests.map((_, index) => String(index)).sort());
  expect(result.statuses).toEqual(
    new Map(
      [
        [409, 250],
        [202, 250],
      ].sort() as [number, number][],
    ),
  );
  expect(result.latencies).toHaveLength(250);
});

test('a connection that breaks is counted, and does not hold up the run', async () => {
  const server = createServer((request) => request.socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const result = await runLoad({
    host: '127.0.0.1',
    port,
    connections: 2,
    requests: [httpRequest('GET /', {}), httpRequest('GET /', {})],
  });

  server.close();
  expect(result.statuses.get(0)).toBe(2);
});

test('an answer is whole or not yet there', () => {
  const whole = Buffer.from('HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1');

  expect(parseAnswer(whole)).toEqual({ status: 202, length: 46 });
  expect(parseAnswer(whole.subarray(0, 44))).toBeUndefined();
  expect(parseAnswer(whole.subarray(0, 20))).toBeUndefined();
});

test('a spread has its median between its ends', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
});

test('results have one form, and what does not fit it is not written', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'onrush-bench-'));
  const result = {
    name: 'x',
    commit: 'abc',
    measured_at: new Date().toISOString(),
    machine: machine(),
    versions: { node: '24' },
    rounds: 1,
    metrics: { a: 1, b: spreadOf([1]) },
    conditions: ['none'],
  };

  expect(JSON.parse(readFileSync(writeResult(result, folder), 'utf8'))).toEqual(result);
  expect(() => writeResult({ ...result, rounds: 1.5 }, folder)).toThrow();
});

test('the committed results have that form', () => {
  const folder = path.join(__dirname, '..', 'results');
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

  expect(files.length).toBeGreaterThan(0);
  for (const file of files) resultSchema.parse(JSON.parse(readFileSync(path.join(folder, file), 'utf8')));
});
