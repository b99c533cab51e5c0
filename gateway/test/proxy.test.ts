import net from 'node:net';
import { eventually } from '@onrush/chassis/testing/wait';
import { startTestService } from '@onrush/chassis/testing/service';
import { createApp } from '../src/app';
import { routes } from '../src/routes';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head } from './raw-socket';

let fixture: Fixture;
let token: string;
beforeAll(async () => {
  fixture = await startFixture('proxy');
  token = await fixture.accessToken();
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.upstream.seen.length = 0;
});

const answerWith = (status: number, text = '{"code":0,"message":"success","data":null,"trace_id":"t"}') => {
  fixture.upstream.answer = (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
};
beforeEach(() => answerWith(200));

test('a request reaches its upstream as the verified user, and with nothing that the client claimed to be', async () => {
  await fixture.call('GET /api/v1/orders?page=2', {
    token,
    headers: {
      'x-user-id': '1',
      'X-Internal-Token': 'forged',
      x_user_roles: 'admin',
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      'grpc-timeout': '1S',
      'x-canary': 'no',
      baggage: 'a=b',
    },
  });

  const [seen] = fixture.upstream.seen;
  expect(seen?.url).toBe('/api/v1/orders?page=2');
  const verified = await fixture.tokens.of('order-service').verify(String(seen?.headers['x-internal-token']));
  expect(verified).toEqual({
    service: 'gateway',
    user: { id: '42', username: 'mei', roles: ['user'], permissions: [] },
  });
  expect(seen?.headers['x-forwarded-for']).toMatch(/127\.0\.0\.1$/);
  expect(seen?.headers).not.toHaveProperty('authorization');
  for (const name of ['x-user-id', 'x_user_roles', 'forwarded', 'grpc-timeout', 'x-canary', 'baggage'])
    expect(seen?.headers).not.toHaveProperty(name);
});

test('body, status and content of the answer pass through', async () => {
  answerWith(201, '{"code":0,"message":"success","data":{"id":"1"},"trace_id":"t"}');

  const answer = await fixture.call('POST /api/v1/orders', {
    token,
    body: { items: [] },
    headers: { 'idempotency-key': 'k' },
  });

  expect(answer).toMatchObject({ status: 201, body: { data: { id: '1' } } });
  expect(fixture.upstream.seen[0]).toMatchObject({
    body: '{"items":[]}',
    headers: { 'idempotency-key': 'k' },
  });
  expect(answer.headers.get('x-served-version')).toBe('0.1.0');
});

test('every route of the table that needs a user refuses nobody, and its upstream hears nothing', async () => {
  for (const route of routes.filter((each) => each.auth === 'user')) {
    const at = `${route.methods[0]} ${route.path.replace(/:\w+/g, '1')}`;
    const answer = await fixture.call(at, route.methods[0] === 'GET' ? {} : { body: {} });
    expect({ at, status: answer.status, code: answer.body.code }).toEqual({ at, status: 401, code: 401000 });
  }
  expect(fixture.upstream.seen).toEqual([]);
});

test('unknown routes are 404, wrong methods 405 with Allow; an override header does nothing', async () => {
  expect((await fixture.call('GET /api/v1/nothing')).body.code).toBe(404000);
  const wrong = await fixture.call('DELETE /api/v1/orders', { token });
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST');
  expect(
    (await fixture.call('POST /api/v1/products', { headers: { 'x-http-method-override': 'GET' } })).status,
  ).toBe(405);
  expect((await fixture.call('GET /api/v1/products/..%2f..%2finternal')).status).not.toBe(500);
});

test.each([
  ['an expired token', { exp: Math.floor(Date.now() / 1000) - 60 }, {}],
  ['a token of another issuer', { iss: 'evil' }, {}],
  ['a token for another audience', { aud: 'evil' }, {}],
  ['a token of another type', {}, { typ: 'onrush-internal+jwt' }],
  ['a token with an unknown key', {}, { kid: '../../etc/passwd' }],
  ['a token without a user', { sub: '' }, {}],
])('%s is refused', async (_name, claims, header) => {
  const answer = await fixture.call('GET /api/v1/orders', {
    token: await fixture.accessToken(claims, header),
  });

  expect(answer.body.code).toBe(401001);
  expect(fixture.upstream.seen).toEqual([]);
});

test('alg none, HS256, garbage and two Authorization headers are refused', async () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const none = `${part({ alg: 'none', typ: 'at+jwt' })}.${part({ sub: '1' })}.`;
  const hmac = `${part({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' })}.${part({ sub: '1' })}.AAAA`;
  for (const bad of [none, hmac, 'x', 'a.b.c', 'y'.repeat(5_000)])
    expect((await fixture.call('GET /api/v1/orders', { token: bad })).status).toBe(401);

  const answer = await raw(
    `GET /api/v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":400001/);
});

test.each([
  [
    'Content-Length and Transfer-Encoding',
    'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'two lengths',
    'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
  ],
  ['a signed length', 'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}'],
  ['a space before the colon', 'GET /health HTTP/1.1\r\nHost : x\r\n\r\n'],
  ['NUL in a header', 'GET /health HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n'],
])('%s: 400, and the connection closes', async (_name, bytes) => {
  expect(await raw(bytes)).toMatch(/^HTTP\/1\.1 400 /);
  expect(fixture.upstream.seen).toEqual([]);
});

test('headers of more than 16 KiB are refused, and so are bodies above the limit', async () => {
  expect(await raw(`GET /health HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  );
  const answer = await fixture.call('POST /api/v1/user/register', { rawBody: 'x'.repeat(66_000) });
  expect(answer.body.code).toBe(413000);
  expect(fixture.upstream.seen).toEqual([]);
});

test('a body in chunks is cut off at the limit', async () => {
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const head = 'POST /api/v1/user/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

  const answer = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}0\r\n\r\n`);

  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toMatch(/413000/);
});

test('a bad trace context starts a new trace, a good one is continued', async () => {
  const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await fixture.call('GET /api/v1/products/1/stock', { headers: { traceparent: good } });
  const bad = await fixture.call('GET /api/v1/nothing', { headers: { traceparent: '00-0-0-ff' } });

  await fixture.call('GET /api/v1/products/1/stock', { headers: { traceparent: '00-0-0-ff' } });

  // Below a span of ours.
  expect(fixture.upstream.seen[0]?.headers['traceparent']).toMatch(
    /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-00$/,
  );
  expect(bad.body.trace_id).toMatch(/^[0-9a-f]{32}$/);
  expect(fixture.upstream.seen[1]?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});

describe('an upstream', () => {
  const at = 'GET /api/v1/products/1/stock';

  test('that breaks off before its answer: a read is made again, twice, and then 503 with Retry-After', async () => {
    fixture.upstream.answer = (request) => request.socket.destroy();

    const broken = await fixture.call(at);

    expect(broken.body.code).toBe(503001);
    expect(Number(broken.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(fixture.upstream.seen).toHaveLength(3);
  });

  test('that breaks off before its answer to a write: 504, and nobody is asked again', async () => {
    fixture.upstream.answer = (request) => request.socket.destroy();

    const broken = await fixture.call('POST /api/v1/notifications/read-all', { token, body: {} });

    expect(broken.body.code).toBe(504000);
    expect(broken.headers.get('retry-after')).toBeNull();
    expect(fixture.upstream.seen).toHaveLength(1);
  });

  test('that is slower than the route allows: 504', async () => {
    fixture.upstream.answer = () => undefined;

    const slow = await fixture.call(at);

    expect(slow.body.code).toBe(504000);
    expect(fixture.upstream.seen).toHaveLength(1);
  });

  test('that breaks off in the middle of its answer: the connection ends, half an answer is none', async () => {
    fixture.upstream.answer = (request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half');
      setImmediate(() => request.socket.destroy());
    };

    const connection = await connectRaw(fixture.port);
    connection.send(head(at));
    await connection.closed();

    expect(connection.answers).toEqual([]);
  });
});

test('logins from one address are limited, with the headers that say so', async () => {
  const statuses: number[] = [];
  let last = await fixture.call('POST /api/v1/login', { body: {} });
  for (let attempt = 0; attempt < 12 && last.status !== 429; attempt += 1) {
    statuses.push(last.status);
    last = await fixture.call('POST /api/v1/login', { body: {} });
  }

  expect(statuses).toEqual(Array.from({ length: 8 }, () => 200));
  expect(last.body.code).toBe(429000);
  expect(last.headers.get('ratelimit-policy')).toBe('"login-address";q=8;w=40');
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(fixture.upstream.seen).toHaveLength(8);
});

test('browsers of the configured origins may call, others get no permission', async () => {
  const preflight = (origin: string) =>
    fixture.call('OPTIONS /api/v1/orders', { headers: { origin, 'access-control-request-method': 'POST' } });

  expect((await preflight('https://shop.example')).headers.get('access-control-allow-origin')).toBe(
    'https://shop.example',
  );
  expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
});

test('a page of an allowed origin may read what our own headers say', async () => {
  const answer = await fixture.call('GET /api/v1/products/1/stock', {
    headers: { origin: 'https://shop.example' },
  });

  const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
  expect(exposed).toEqual(
    expect.arrayContaining(['age', 'etag', 'ratelimit', 'retry-after', 'x-cache', 'x-request-id']),
  );
});

test('health tells no more than whether all services are there; the document shows public paths alone', async () => {
  const health = await fixture.call('GET /health');
  const document = (await fixture.call('GET /openapi.json')).body as unknown as {
    paths: object;
    components: { schemas: object };
  };

  expect(health.body).toEqual({ status: 'ok' });
  expect(Object.keys(document.paths)).toEqual(['/api/v1/products']);
  expect(Object.keys(document.components.schemas)).toContain('product-service.Failure');
  expect((await fixture.call('GET /docs/')).status).toBe(200);
  expect((await fixture.call('GET /metrics')).status).toBe(404);
  expect((await fixture.call('GET /livez')).status).toBe(200);
  expect((await fixture.call('GET /readyz')).body).toBe('ready');
});

test('a gateway without its Redis does not become ready', async () => {
  const config = { ...fixture.config, httpPort: 0, redisUrl: 'redis://127.0.0.1:1' };

  await expect(startTestService(createApp, config)).rejects.toThrow();
});

/** Bytes as they are, and the answer as it comes. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(fixture.port, '127.0.0.1', () => socket.write(bytes));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    setTimeout(() => socket.destroy(), 3_000).unref();
  });
}

test('what the limiter refused is counted', async () => {
  await eventually(async () =>
    (await fixture.metrics.registry.metrics()).includes('gateway_rate_limited_total{class="login"'),
  );
});
