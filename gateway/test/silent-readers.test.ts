import type { ServerResponse } from 'node:http';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { slowReaderLimits } from '../src/connection/slow-readers';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';
import { countedFor } from './refusals';

const mebibyte = 1_048_576;
const answerBytes = 64 * mebibyte;
const promised = { ...slowReaderLimits };
const { logger, lines } = recordingLogger();

let fixture: Fixture;
beforeAll(async () => {
  // Nobody wants to wait for 20 s; all else is as it is.
  jest.replaceProperty(slowReaderLimits, 'patienceMs', 500);
  jest.replaceProperty(slowReaderLimits, 'checkMs', 50);
  fixture = await startFixture('silent', {}, {}, { logger });
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  jest.restoreAllMocks();
});

/** Writes as fast as the gateway takes it, and counts. */
function pour(response: ServerResponse) {
  const chunk = Buffer.alloc(65_536, 'x');
  const poured = { bytes: 0, isOver: false };
  const write = () => {
    while (poured.bytes < answerBytes) {
      poured.bytes += chunk.length;
      if (!response.write(chunk)) return;
    }
    response.end();
  };
  response.on('drain', write).once('close', () => (poured.isOver = true));
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': answerBytes });
  write();
  return poured;
}

test('a client that takes nothing of a large answer is left; meanwhile little of it is fetched, and none of it kept', async () => {
  let poured: ReturnType<typeof pour> | undefined;
  fixture.upstream.answer = (request, response) => {
    if (request.url === '/api/v1/products/1/stock') poured = pour(response);
    else response.end('{}');
  };
  const connection = await connectRaw(fixture.port);
  connection.socket.pause();

  connection.send(head('GET /api/v1/products/1/stock'));

  await eventually(async () => (await countedFor(fixture, 'slow_reader')) === 1);
  // Its service is free again.
  await eventually(() => poured?.isOver);
  // What the buffers of the system hold between three sockets; the gateway itself holds less than one of them.
  expect(poured?.bytes).toBeLessThan(answerBytes / 4);
  connection.socket.resume();
  await connection.closed();
  expect(connection.answers).toEqual([]);
  await eventually(() =>
    lines.some(({ path, status }) => path === '/api/v1/products/1/stock' && status === 499),
  );
  // A busy machine may be told to come again.
  await eventually(async () => (await sendRaw(fixture.port, head('GET /api/v1/products'))).status === 200);
});

test('what is promised is 20 s, looked after every 5 s, and 2 MiB', () => {
  expect(promised).toEqual({ checkMs: 5_000, patienceMs: 20_000, pendingBytes: 2 * mebibyte });
});
