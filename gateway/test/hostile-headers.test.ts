import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';

let fixture: Fixture;
let bearer: string;
beforeAll(async () => {
  fixture = await startFixture('headers');
  bearer = `Authorization: Bearer ${await fixture.accessToken()}`;
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.upstream.seen.length = 0;
});

describe('what is between the client and us', () => {
  test('headers that Connection names are dropped, ours cannot be', async () => {
    await sendRaw(
      fixture.port,
      head(
        'GET /api/v1/orders',
        bearer,
        'Connection: authorization, x-custom, X-User-Id, x-internal-token, x-request-id, x-forwarded-for, traceparent, keep-alive',
        'X-Custom: 1',
        'Keep-Alive: timeout=5',
        'TE: trailers, deflate',
        'Trailer: x-user-id',
        'Proxy-Authorization: Basic x',
        'Proxy-Connection: keep-alive',
      ),
    );

    const seen = fixture.upstream.seen[0]?.headers ?? {};
    for (const name of ['x-custom', 'keep-alive', 'te', 'trailer', 'proxy-authorization', 'proxy-connection'])
      expect(seen).not.toHaveProperty(name);
    expect(seen.connection ?? '').not.toMatch(/custom|internal|user/);
    expect(seen['x-request-id']).toMatch(/^[\w-]{8,64}$/);
    expect(seen['traceparent']).toMatch(/^00-/);
    const caller = await fixture.tokens.of('order-service').verify(String(seen['x-internal-token']));
    expect(caller.user?.id).toBe('42');
  });

  test.each([
    [
      'h2c',
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'],
    ],
    [
      'websocket',
      [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ],
    ],
  ])('an upgrade to %s on a route without one is not heard, and not passed on', async (_name, headers) => {
    const connection = await connectRaw(fixture.port);
    connection.send(head('GET /api/v1/products', ...headers) + head('GET /api/v1/orders'));

    expect((await connection.next()).status).toBe(200);
    for (const name of ['upgrade', 'http2-settings'])
      expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty(name);
    expect(fixture.upstream.seen[0]?.headers.connection ?? '').not.toMatch(/upgrade/i);
    // What Node read behind it is lost: the client has to be told that nothing more is answered here.
    await connection.closed();
    expect(connection.answers).toHaveLength(1);
  });

  test.each([
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01',
    '\xff\xfe',
    '',
  ])('traceparent %p is no error: a new trace begins, without its state', async (traceparent) => {
    const answer = await sendRaw(
      fixture.port,
      head('GET /api/v1/products', `traceparent: ${traceparent}`, 'tracestate: a=b', 'baggage: a=b'),
    );

    expect(answer.status).toBe(200);
    const seen = fixture.upstream.seen[0]?.headers ?? {};
    expect(seen['traceparent']).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
    expect(seen['traceparent']).not.toBe(traceparent);
    expect(seen).not.toHaveProperty('tracestate');
    expect(seen).not.toHaveProperty('baggage');
  });

  test('the state of a trace goes on with it, unless it is too long', async () => {
    const traceparent = 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    for (const state of ['a=b', `a=${'b'.repeat(10_000)}`])
      await sendRaw(fixture.port, head('GET /api/v1/products', traceparent, `tracestate: ${state}`));

    expect(fixture.upstream.seen.map(({ headers }) => headers['tracestate'])).toEqual(['a=b', undefined]);
  });

  test.each(['a b', 'a'.repeat(10_000), 'é', 'a\tSet-Cookie: b', '"><script>'])(
    'X-Request-Id %p is replaced',
    async (sent) => {
      const answer = await sendRaw(fixture.port, head('GET /api/v1/products', `X-Request-Id: ${sent}`));

      const own = answer.headers['x-request-id'];
      expect(own).toMatch(/^[\w-]{8,64}$/);
      expect(fixture.upstream.seen[0]?.headers['x-request-id']).toBe(own);
    },
  );

  test.each(['https://evil.example', 'null', 'https://shop.example.evil.example', 'http://shop.example'])(
    'origin %s gets no permission, on no route',
    async (origin) => {
      const preflight = [
        'Access-Control-Request-Method: POST',
        'Access-Control-Request-Headers: authorization',
      ];
      const answers = await Promise.all([
        sendRaw(fixture.port, head('GET /api/v1/products', `Origin: ${origin}`, 'Cookie: a=b')),
        sendRaw(fixture.port, head('OPTIONS /api/v1/orders', `Origin: ${origin}`, ...preflight)),
        sendRaw(fixture.port, head('OPTIONS /api/v1/no-such-route', `Origin: ${origin}`, ...preflight)),
        sendRaw(
          fixture.port,
          head('POST /api/v1/seckill/activities/77/buy', `Origin: ${origin}`, 'Content-Length: 0'),
        ),
      ]);

      for (const answer of answers) {
        expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
        expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
        expect(JSON.stringify(answer)).not.toContain('evil');
      }
    },
  );
});
