import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';
import { chunked, codeOf, post, refused, watchUpstream, type UpstreamWatch } from './refusals';

let fixture: Fixture;
let bearer: string;
let upstream: UpstreamWatch;
beforeAll(async () => {
  fixture = await startFixture('framing');
  bearer = `Authorization: Bearer ${await fixture.accessToken()}`;
  upstream = watchUpstream(fixture);
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => upstream.forget());

const expectRefusal = (bytes: string, status: number) => refused(fixture, upstream, bytes, status);

/** Every one of them carries a second request where a confused reader would find it. */
const hidden = head('GET /api/v1/products?hidden');

describe('a length that two readers could take differently is refused, and nothing goes upstream', () => {
  test.each<readonly [string, string]>([
    [
      'with Transfer-Encoding',
      post('Content-Length: 5', 'Transfer-Encoding: chunked') + `0\r\n\r\n${hidden}`,
    ],
    [
      'after Transfer-Encoding',
      post('Transfer-Encoding: chunked', 'Content-Length: 5') + `0\r\n\r\n${hidden}`,
    ],
    ['twice', post('Content-Length: 2', 'Content-Length: 3') + '{}}'],
    ['twice the same', post('Content-Length: 2', 'content-length: 2') + '{}'],
    ...['5, 5', '+5', '0x5', '-5', '', '5;', '1e1', '5 5', '05', '99999999999999999999', '5\0'].map(
      (length) => [JSON.stringify(length), post(`Content-Length: ${length}`) + `hello${hidden}`] as const,
    ),
  ])('Content-Length %s', async (_name, bytes) => {
    await expectRefusal(bytes, 400);
  });
});

describe('a Transfer-Encoding other than chunked is refused', () => {
  test.each<readonly [string, string]>([
    ...[
      'xchunked',
      'chunked, identity',
      'identity',
      'identity, chunked',
      'gzip, chunked',
      'chunked, chunked',
      'chunked\t',
      '\x0bchunked',
      'chunked\x0b',
      '"chunked"',
      'chunked;q=1',
      'chunked,',
      '',
    ].map((coding) => [JSON.stringify(coding), post(`Transfer-Encoding: ${coding}`)] as const),
    ['twice', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['identity, then chunked', post('Transfer-Encoding: identity', 'Transfer-Encoding: chunked')],
    ['in HTTP/1.0', post('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')],
    ['with a space before the colon', post('Transfer-Encoding : chunked')],
    ['on a continued line', post('Transfer-Encoding:\r\n chunked')],
  ])('%s', async (_name, bytes) => {
    await expectRefusal(`${bytes}0\r\n\r\n${hidden}`, 400);
  });

  test('Transfer_Encoding is no framing, and does not go on', async () => {
    const answer = await sendRaw(
      fixture.port,
      `${post('Transfer_Encoding: chunked', 'Content-Length: 2', 'Connection: close')}{}`,
    );

    expect(answer.status).toBe(200);
    expect(fixture.upstream.seen[0]?.body).toBe('{}');
    expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty('transfer_encoding');
  });
});

describe('a head that is not HTTP to the letter is refused', () => {
  const line = 'GET /api/v1/products HTTP/1.1\r\nHost: gateway\r\n';
  test.each([
    ['lines that end in LF', 'GET /api/v1/products HTTP/1.1\nHost: gateway\n\n'],
    ['one header that ends in LF', `${line}A: b\nC: d\r\n\r\n`],
    ['an empty line that is only LF', `${line}A: b\r\n\n`],
    ['CR inside a value', `${line}A: b\rC: d\r\n\r\n`],
    ['NUL in a value', `${line}A: b\0c\r\n\r\n`],
    ['NUL in a name', `${line}A\0: b\r\n\r\n`],
    ['a control character in a value', `${line}A: \x01\r\n\r\n`],
    ['a continued line', `${line}A: b\r\n c\r\n\r\n`],
    ['a continued first line', `GET /api/v1/products HTTP/1.1\r\n Host: gateway\r\n\r\n`],
    ['a space before the colon', `${line}A : b\r\n\r\n`],
    ['a header without a name', `${line}: b\r\n\r\n`],
    ['a header without a colon', `${line}Abc\r\n\r\n`],
    ['a name beyond ASCII', `${line}\xe9: b\r\n\r\n`],
    ['no request at all', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'],
    ['a tab after the method', 'GET\t/api/v1/products HTTP/1.1\r\nHost: gateway\r\n\r\n'],
    ['HTTP/1.2', 'GET /api/v1/products HTTP/1.2\r\nHost: gateway\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    await expectRefusal(bytes, 400);
  });

  test.each([
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/2.0 in the first line', 'GET /api/v1/products HTTP/2.0\r\nHost: gateway\r\n\r\n'],
    ['HTTP/0.9', 'GET /api/v1/products\r\n\r\n'],
  ])('%s: 505', async (_name, bytes) => {
    await expectRefusal(bytes, 505);
  });

  /** Type, flags and stream of a frame, and what is in it (RFC 9113 §4.1). */
  const frame = (type: number, flags: number, stream: number, payload = '') =>
    `${String.fromCharCode(0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, stream >> 8, stream & 255)}${payload}`;
  const streams = Array.from({ length: 2_000 }, (_, index) => 2 * index + 1);
  test.each([
    [
      'rapid resets',
      streams.map((id) => frame(1, 5, id, '\x82\x84\x86') + frame(3, 0, id, '\0\0\0\x08')).join(''),
    ],
    [
      'CONTINUATION without an end',
      frame(1, 1, 1, '\x82') + streams.map(() => frame(9, 0, 1, 'x'.repeat(50))).join(''),
    ],
    ['SETTINGS', streams.map(() => frame(4, 0, 0)).join('')],
    ['PING', streams.map(() => frame(6, 0, 0, '12345678')).join('')],
  ])('a flood of HTTP/2 frames (%s) is one refusal: 505, and the connection ends', async (_name, flood) => {
    const preface = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0)}`;

    await expectRefusal(preface + flood, 505);
    expect((await sendRaw(fixture.port, head('GET /api/v1/products'))).status).toBe(200);
  });

  test.each(['Authorization', 'Content-Type', 'Idempotency-Key', 'Host', 'Content-Encoding', 'Expect'])(
    '%s twice',
    async (name) => {
      await expectRefusal(head('GET /api/v1/products', `${name}: a`, `${name.toUpperCase()}: b`), 400);
    },
  );
});

describe('chunks', () => {
  test.each<readonly [string, string]>([
    ...['zz', '-2', '+2', '0x2', '2 ', ' 2', '2\t', 'fffffffffffffffff'].map(
      (size) => [`of size ${JSON.stringify(size)}`, `${size}\r\n{}\r\n0\r\n\r\n`] as const,
    ),
    ['of lines that end in LF', '2\n{}\n0\n\n'],
    ['without CRLF after the data', '2\r\n{}0\r\n\r\n'],
    ['longer than they say', '2\r\n{}xx\r\n0\r\n\r\n'],
    ['with NUL in an extension', '2;a=\0\r\n{}\r\n0\r\n\r\n'],
    ['with LF in an extension', '2;a\nb\r\n{}\r\n0\r\n\r\n'],
    ['with a length among the trailers', '2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n'],
    ['with a coding among the trailers', '2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ])('%s are refused, and no upstream gets a whole request', async (_name, body) => {
    const connection = await connectRaw(fixture.port);
    connection.send(chunked(body));

    const answer = await connection.next();

    expect(answer.status).toBe(400);
    expect(Math.floor(codeOf(answer) / 1000)).toBe(400);
    await connection.closed();
    expect(fixture.upstream.seen).toEqual([]);
  });

  test('with an extension of 1 MB are refused long before its end', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send(chunked(`2;${'x'.repeat(1_000_000)}\r\n{}\r\n0\r\n\r\n`));

    expect((await connection.next()).status).toBe(400);
    await connection.closed();
    expect(fixture.upstream.seen).toEqual([]);
  });

  test('without the last CRLF are no request, also where the client is done', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send(chunked('2\r\n{}\r\n0\r\n'));
    connection.socket.end();

    await connection.closed();

    expect(connection.answers.map(({ status }) => status)).not.toContain(200);
    expect(fixture.upstream.seen).toEqual([]);
  });

  test('trailers are never headers: neither here nor upstream', async () => {
    const answer = await sendRaw(
      fixture.port,
      head('POST /api/v1/orders/1/cancel', 'Content-Type: application/json', 'Transfer-Encoding: chunked') +
        `2\r\n{}\r\n0\r\n${bearer}\r\nX-User-Id: 1\r\nX-Internal-Token: x\r\n\r\n`,
    );

    expect(answer.status).toBe(401);
    expect(upstream.reached()).toBe(0);
    await sendRaw(fixture.port, chunked('2\r\n{}\r\n0\r\nX-User-Id: 1\r\nX-Custom: 2\r\n\r\n'));
    expect(fixture.upstream.seen).toHaveLength(1);
    expect(fixture.upstream.seen[0]?.body).toBe('{}');
    for (const name of ['x-user-id', 'x-custom', 'trailer'])
      expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty(name);
  });

  test('well made, with extensions, come upstream as the body they are', async () => {
    const answer = await sendRaw(fixture.port, chunked('1;a=b\r\n{\r\n0001;c="d"\r\n}\r\n0\r\n\r\n'));

    expect(answer.status).toBe(200);
    expect(fixture.upstream.seen[0]?.body).toBe('{}');
  });
});
