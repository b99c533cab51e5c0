import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { eventually } from '@onrush/chassis/testing/wait';
import { createUpstreamFixture, get, newClient, read, type UpstreamFixture } from './upstream-fixture';

let fixture: UpstreamFixture;
beforeEach(async () => void (fixture = await createUpstreamFixture()));
afterEach(() => fixture.stop());

/** For clients that never read: one that reads, on this same loop, could meet so short a limit too. */
async function giveUpSlowClientsSoon(): Promise<void> {
  await fixture.stop();
  fixture = await createUpstreamFixture({ slowClientMs: 400 });
}

const mebibyte = 1024 * 1024;
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Writes as fast as it is taken. */
function pourOut(response: ServerResponse, chunks: number): { written: () => number } {
  let written = 0;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const more = () => {
    while (written < chunks) {
      written += 1;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
  return { written: () => written };
}

test('an answer in many pieces arrives as it was sent', async () => {
  const sent = randomBytes(3 * mebibyte);
  const backend = await fixture.backend((_request, response) => void response.end(sent));
  fixture.known(backend.instance);
  const port = await fixture.front();

  const response = await get(port).response;
  const received = await read(response);

  expect(response.headers['content-length']).toBe(String(sent.length));
  expect(digest(received)).toBe(digest(sent));
});

test('a client that does not read stops the upstream, and is cut off in the end', async () => {
  await giveUpSlowClientsSoon();
  let poured = { written: () => 0 };
  const closed: string[] = [];
  const backend = await fixture.backend((_request, response) => {
    response.once('close', () => closed.push('closed'));
    poured = pourOut(response, 4_096);
  });
  fixture.known(backend.instance);
  const port = await fixture.front();

  const client = get(port);
  const response = await client.response;
  await eventually(() => fixture.answering[0]?.writableNeedDrain);
  const held = fixture.answering[0]?.writableLength ?? Infinity;
  await eventually(() => closed.length === 1);

  expect(held).toBeLessThan(mebibyte);
  // What the kernel takes on both connections is not ours to bound; 256 MiB it is not.
  expect(poured.written()).toBeLessThan(2_048);
  await expect(read(response)).rejects.toThrow();
});

test('a client that reads slowly gets all of it', async () => {
  const backend = await fixture.backend((_request, response) => void pourOut(response, 640));
  fixture.known(backend.instance);
  const port = await fixture.front(() => ({ timeoutMs: 60_000 }));

  const response = await get(port).response;
  let size = 0;
  let most = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    most = Math.max(most, fixture.answering[0]?.writableLength ?? 0);
    await new Promise(setImmediate);
  }

  expect(size).toBe(40 * mebibyte);
  expect(most).toBeLessThan(mebibyte);
});

test('a client that does not take the end of an answer is cut off', async () => {
  await giveUpSlowClientsSoon();
  const backend = await fixture.backend((request, response) => {
    if (request.url === '/quick') response.end('fine');
  });
  fixture.known(backend.instance);
  const port = await fixture.front(({ url }) => ({ path: url ?? '' }));
  const client = connect(port, '127.0.0.1').on('error', () => undefined);

  // The second answer is whole, and cannot leave before the first.
  client.write('GET /hangs HTTP/1.1\r\nHost: a\r\n\r\nGET /quick HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => fixture.answering[1]?.writableEnded);
  const [first, second] = fixture.answering;

  await eventually(() => second?.destroyed);
  expect(first?.headersSent).toBe(false);
  client.destroy();
});

test('an upstream that dies in the middle of its answer resets the client', async () => {
  const backend = await fixture.backend((request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half of it', () => request.socket.destroy());
  });
  fixture.known(backend.instance);
  const port = await fixture.front();

  const whole = get(port).response.then(read);

  await expect(whole).rejects.toThrow(/aborted|hang up/);
});

test('half of a chunked answer does not look whole either', async () => {
  const backend = await fixture.backend((request, response) => {
    response.write('half of it');
    setImmediate(() => request.socket.destroy());
  });
  fixture.known(backend.instance);
  const port = await fixture.front();

  const whole = get(port).response.then(read);

  await expect(whole).rejects.toThrow(/aborted|hang up/);
});

test('an answer that trickles is cut at the deadline', async () => {
  const backend = await fixture.backend((_request, response) => {
    const timer = setInterval(() => response.write('x'), 20);
    response.once('close', () => clearInterval(timer));
  });
  fixture.known(backend.instance);
  const port = await fixture.front(() => ({ timeoutMs: 300 }));

  const whole = get(port).response.then(read);
  const collected = failureOf(fixture.forward({ timeoutMs: 300 }).then((answer) => answer.collect(1_000)));

  await expect(whole).rejects.toThrow(/aborted/);
  expect(await collected).toMatchObject({ httpStatus: 504 });
});

test('a stream goes on after its deadline, each event at once, and ends with its client', async () => {
  const closed: string[] = [];
  let streaming: ServerResponse | undefined;
  const backend = await fixture.backend((_request, response) => {
    streaming = response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    response.once('close', () => closed.push('closed'));
  });
  fixture.known(backend.instance);
  const port = await fixture.front(() => ({ timeoutMs: 100, stream: true, client: undefined }));
  const client = get(port);
  const response = await client.response;
  const events: string[] = [];
  response.on('data', (chunk: Buffer) => events.push(chunk.toString())).on('error', () => undefined);

  const startedAt = performance.now();
  await eventually(() => performance.now() - startedAt > 600);
  streaming?.write('data: 1\n\n');
  await eventually(() => events.length === 1);
  client.request.destroy();

  expect(events).toEqual(['data: 1\n\n']);
  await eventually(() => closed.length === 1);
});

test('what is collected has a limit, and an end', async () => {
  const backend = await fixture.backend((request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    if (request.url === '/whole') response.end(Buffer.alloc(1_000, 'x'));
    else response.write('half of it', () => request.socket.destroy());
  });
  fixture.known(backend.instance);
  const collect = async (path: string, limitBytes: number) =>
    (await fixture.forward({ path })).collect(limitBytes);

  const whole = await collect('/whole', 1_000);
  const tooLong = await failureOf(collect('/whole', 999));
  const half = await failureOf(collect('/half', 1_000));

  expect(whole).toHaveLength(1_000);
  expect([tooLong, half]).toMatchObject([{ httpStatus: 503 }, { httpStatus: 503 }]);
});

test('a client that goes away ends what is collected for it', async () => {
  const closed: string[] = [];
  const backend = await fixture.backend((_request, response) => {
    response.once('close', () => closed.push('closed'));
    response.write('start');
  });
  fixture.known(backend.instance);
  const client = newClient();

  const collected = failureOf((await fixture.forward({ client })).collect(100));
  client.leave();

  expect(await collected).toMatchObject({ httpStatus: 503 });
  await eventually(() => closed.length === 1);
});
