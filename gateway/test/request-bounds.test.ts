import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';
import { chunked, codeOf, countedFor, post, refused, watchUpstream, type UpstreamWatch } from './refusals';

let fixture: Fixture;
let bearer: string;
let upstream: UpstreamWatch;
beforeAll(async () => {
  fixture = await startFixture('bounds');
  bearer = `Authorization: Bearer ${await fixture.accessToken()}`;
  upstream = watchUpstream(fixture);
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => upstream.forget());

const expectRefusal = (bytes: string, status: number) => refused(fixture, upstream, bytes, status);

describe('sizes', () => {
  const headers = (count: number) => Array.from({ length: count }, (_, index) => `X-Filler-${index}: x`);

  test('more than 100 headers are 431, and none is dropped silently: 100 all arrive', async () => {
    await expectRefusal(head('GET /api/v1/products', ...headers(100)), 431);
    await expectRefusal(head('GET /api/v1/products', ...headers(400)), 431);
    await expectRefusal(head('GET /api/v1/products', ...headers(3_000)), 431);

    expect((await sendRaw(fixture.port, head('GET /api/v1/products', ...headers(99)))).status).toBe(200);
    expect(fixture.upstream.seen[0]?.headers).toHaveProperty('x-filler-98');
  });

  test('headers of more than 16 KiB are 431, in one line, in many, in the address or without an end', async () => {
    await expectRefusal(head('GET /api/v1/products', `A: ${'a'.repeat(17_000)}`), 431);
    await expectRefusal(
      head('GET /api/v1/products', ...headers(90).map((line) => line + 'a'.repeat(300))),
      431,
    );
    await expectRefusal(head(`GET /api/v1/products?${'a'.repeat(17_000)}`), 431);
    await expectRefusal(`GET / HTTP/1.1\r\nHost: ${'a'.repeat(20_000)}`, 431);
  });

  test.each([
    ['a proxied route', 'POST /api/v1/register', 65_537],
    ['the purchase', 'POST /api/v1/seckill/activities/77/buy', 1_025],
  ])(
    '%s refuses a body that announces to be too large before a byte of it is there',
    async (_name, at, length) => {
      await expectRefusal(
        head(at, bearer, 'Content-Type: application/json', `Content-Length: ${length}`),
        413,
      );
    },
  );

  test('a body in chunks is refused at the chunk that crosses the limit', async () => {
    const connection = await connectRaw(fixture.port);
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    connection.send(chunked(chunk.repeat(4)));
    connection.send('1\r\nx\r\n');

    const answer = await connection.next();

    expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } });
    expect(codeOf(answer)).toBe(413000);
    await connection.closed();
    expect(fixture.upstream.seen).toEqual([]);
  });

  test('a body of exactly the limit goes through, announced or not', async () => {
    const body = `"${'x'.repeat(65_534)}"`;

    const announced = await sendRaw(fixture.port, `${post('Content-Length: 65536')}${body}`);
    const inChunks = await sendRaw(fixture.port, chunked(`10000\r\n${body}\r\n0\r\n\r\n`));

    expect([announced.status, inChunks.status]).toEqual([200, 200]);
    expect(fixture.upstream.seen.map((seen) => seen.body.length)).toEqual([65_536, 65_536]);
  });

  test.each(['GET', 'HEAD', 'OPTIONS'])('a body on %s is refused', async (method) => {
    const connection = await connectRaw(fixture.port);
    connection.send(head(`${method} /api/v1/products`, 'Content-Length: 2') + '{}');

    await connection.closed();

    expect(upstream.reached()).toBe(0);
    expect(await countedFor(fixture, 'unexpected_body')).toBeGreaterThan(0);
  });
});

describe('Expect', () => {
  const expecting = (length: number) =>
    head(
      'POST /api/v1/orders/1/cancel',
      bearer,
      'Content-Type: application/json',
      'Expect: 100-continue',
      `Content-Length: ${length}`,
    );

  test('100 comes before the body, the answer after it, and the connection goes on', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send(expecting(2));
    await eventually(() => connection.interim.length === 1);
    connection.send('{}');

    expect((await connection.next()).status).toBe(200);
    expect(connection.interim).toEqual([100]);
    expect(fixture.upstream.seen[0]?.body).toBe('{}');
    expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty('expect');
    connection.send(head('GET /api/v1/products'));
    expect((await connection.next()).status).toBe(200);
    connection.socket.destroy();
  });

  test('who is refused by the head is not told to send a body', async () => {
    const tooLarge = await connectRaw(fixture.port);
    tooLarge.send(expecting(70_000));
    const nobody = await connectRaw(fixture.port);
    nobody.send(expecting(2).replace(`${bearer}\r\n`, ''));

    expect((await tooLarge.next()).status).toBe(413);
    expect((await nobody.next()).status).toBe(401);
    // Whether the body still comes is open, so nothing else can come on these connections.
    await Promise.all([tooLarge.closed(), nobody.closed()]);
    expect([...tooLarge.interim, ...nobody.interim]).toEqual([]);
    expect(upstream.reached()).toBe(0);
  });

  test.each(['something', '100-continue, something', ''])('%p is 417', async (value) => {
    await expectRefusal(`${post(`Expect: ${value}`, 'Content-Length: 2')}{}`, 417);
  });
});

describe('on a connection with several requests', () => {
  test('the answers before a malformed one come first, in order and whole', async () => {
    fixture.upstream.answer = (request, response) =>
      void setTimeout(() => response.end(JSON.stringify(request.url)), request.url?.endsWith('1') ? 80 : 5);
    const connection = await connectRaw(fixture.port);
    connection.send(head('GET /api/v1/products?n=1') + head('GET /api/v1/products?n=2') + 'garbage\r\n\r\n');

    await connection.closed();

    expect(connection.answers.map(({ status }) => status)).toEqual([200, 200, 400]);
    expect(connection.answers.map(({ body }) => body).slice(0, 2)).toEqual([
      '"/api/v1/products?n=1"',
      '"/api/v1/products?n=2"',
    ]);
  });

  test('what is read together with a bad request is not carried out', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send(
      `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n` +
        head('POST /api/v1/seckill/activities/77/buy', bearer, 'Content-Length: 0') +
        head('GET /api/v1/products'),
    );

    await connection.closed();

    expect(connection.answers.map(({ status }) => status)).toEqual([400]);
    expect(upstream.reached()).toBe(0);
  });

  test('a body that breaks after its answer ends the connection without a second answer', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send(head('POST /api/v1/orders/1/cancel', 'Transfer-Encoding: chunked'));
    expect((await connection.next()).status).toBe(401);
    connection.send('zz\r\n');

    await connection.closed();

    expect(connection.answers).toHaveLength(1);
  });
});

test('a connection is refused once, however much comes after the first mistake', async () => {
  const before = await countedFor(fixture, 'malformed');
  const connection = await connectRaw(fixture.port);
  connection.send(`${post('Content-Length: 05')}{"a"}${'garbage\r\n\r\n'.repeat(5_000)}`);

  expect((await connection.next()).status).toBe(400);
  await connection.closed();

  expect(connection.answers).toHaveLength(1);
  expect(await countedFor(fixture, 'malformed')).toBe(before);
});

test('what was refused is counted by its reason', async () => {
  await sendRaw(fixture.port, post('Content-Length: 05'));
  await sendRaw(fixture.port, 'hello\r\n\r\n');

  for (const reason of ['content_length', 'transfer_encoding', 'headers', 'malformed', 'expectation'])
    expect({ reason, count: await countedFor(fixture, reason) }).not.toEqual({ reason, count: 0 });
});
