import type { IncomingMessage } from 'node:http';
import { isAppError } from '@onrush/chassis/errors';
import { parseTarget } from '../src/connection/request-target';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';

let fixture: Fixture;
let bearer: string;
beforeAll(async () => {
  fixture = await startFixture('targets');
  bearer = `Authorization: Bearer ${await fixture.accessToken()}`;
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.upstream.seen.length = 0;
});

const seenUrls = () => fixture.upstream.seen.map(({ url }) => url);

describe('a path that has two readings is refused, whoever asks, and no upstream hears of it', () => {
  test.each([
    '/%2e%2e/internal',
    '/api/v1/products/%2e%2e/orders',
    '/api/v1/products/%2E%2e/orders',
    '/api/v1/products/.%2e/orders',
    '/api/v1/products/%252e%252e/orders',
    '/api/v1/products/%25252e%25252e/orders',
    '/api/v1/products/../orders',
    '/api/v1/products/..',
    '/api/v1/./products',
    '/api/v1/products/.',
    '//api/v1/products',
    '/api//v1/products',
    '/api/v1/products//',
    '//evil.example/api/v1/products',
    '/api/v1/products%2f1',
    '/api/v1%2Fproducts',
    '/api/v1/products%5c..%5corders',
    '/api/v1/products/..\\orders',
    '/api/v1\\products',
    '/api/v1/products;a=b',
    '/api/v1/products;jsessionid=1/1',
    '/api/v1/products%3ba=b',
    '/api/v1/products/..;/orders',
    '/api/v1/products%00',
    '/api/v1/products%00.json',
    '/api/v1/products/1%0d%0aX-User-Id:%201',
    '/api/v1/products%7f',
    '/api/v1/products%',
    '/api/v1/products%2',
    '/api/v1/products%zz',
    '/api/v1/products/%u002e',
    '/api/v1/%70roducts',
    '/%61pi/v1/products',
    '/api/v1/products/%31',
    '/api/v1/products%3fa=b',
    '/api/v1/products%23a',
    '/api/v1/products#a',
    '/api/v1/products?a#b',
    // Overlong and invalid UTF-8: `/` and `.` in two and three bytes, a lone continuation, a surrogate, beyond Unicode.
    '/api/v1/products%c0%af1',
    '/api/v1/products/%c0%ae%c0%ae/orders',
    '/api/v1/products%e0%80%af1',
    '/api/v1/products/%80',
    '/api/v1/products/%ed%a0%80',
    '/api/v1/products/%f5%80%80%80',
    '/api/v1/products/%e4%bd',
    '/api/v1/products/\xe4\xbd\xa0',
    '/api/v1/products/\x01',
    '/api/v1/products/a\tb',
    '/api/v1/products/{id}',
    '/api/v1/products/<1>',
    '/api/v1/products?a=%00',
    '/api/v1/products?a=%0d%0aX-User-Id:%201',
    '/api/v1/products?a=%',
    '/api/v1/products?a=%g1',
    '/api/v1/products?a=%c0%af',
    '/api/v1/products?\xff',
    'http://evil.example/api/v1/products',
    'http://gateway/api/v1/products',
    'https://user@gateway/api/v1/products',
    'HTTP://gateway',
    'gateway:80',
    'api/v1/products',
    '*',
    '?a=b',
  ])('%s', async (target) => {
    for (const line of [`GET ${target}`, `POST ${target}`]) {
      const answer = await sendRaw(fixture.port, head(line, bearer));
      expect({ status: answer.status, code: (JSON.parse(answer.body) as { code: number }).code }).toEqual({
        status: 400,
        code: 400002,
      });
    }
    expect(fixture.upstream.seen).toEqual([]);
  });

  test('also where the purchase has a route of its own', async () => {
    for (const target of [
      'activities//77/buy',
      'activities/77/./buy',
      'activities/%37%37/buy',
      'activities/77/buy;a',
    ])
      expect((await sendRaw(fixture.port, head(`POST /api/v1/seckill/${target}`, bearer))).status).toBe(400);
    expect(fixture.seckill.batches).toEqual([]);
  });
});

test('a query goes on as it was sent', async () => {
  const queries = [
    '?page=2&page_size=10',
    '?q=%E4%BD%A0%e5%a5%bd+1%2b1',
    '?a[]=1&b={"c":"d|e"}&f=g/h?i;j',
    '?',
    '?a=%2e%2e%2f',
  ];

  for (const query of queries)
    expect((await sendRaw(fixture.port, head(`GET /api/v1/products${query}`))).status).toBe(200);

  expect(seenUrls()).toEqual(queries.map((query) => `/api/v1/products${query}`));
});

test('an address of 4,096 bytes is served, a longer one is 414', async () => {
  const of = (length: number) => '/api/v1/products?q='.padEnd(length, 'x');

  expect((await sendRaw(fixture.port, head(`GET ${of(4_096)}`))).status).toBe(200);
  const answer = await sendRaw(fixture.port, head(`GET ${of(4_097)}`));

  expect(answer).toMatchObject({ status: 414, body: expect.stringContaining('"code":414001') });
  expect(fixture.upstream.seen).toHaveLength(1);
});

describe('Host', () => {
  test.each<readonly [string, string]>([
    ['none', 'GET /api/v1/products HTTP/1.1\r\n\r\n'],
    ['none in HTTP/1.0', 'GET /api/v1/products HTTP/1.0\r\n\r\n'],
    ['two', 'GET /api/v1/products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['the same twice', 'GET /api/v1/products HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'],
    ...[
      '',
      'user@a',
      'a b',
      'a/b',
      'a,b',
      'a?b',
      'a#b',
      'a:b',
      'a:80:80',
      'a:999999',
      ':80',
      '[::1',
      '..',
      '\xe9.example',
      'a\\b',
      'a%2eb',
      '${jndi:ldap://x}',
    ].map(
      (host) => [JSON.stringify(host), `GET /api/v1/products HTTP/1.1\r\nHost: ${host}\r\n\r\n`] as const,
    ),
  ])('%s is refused', async (_name, bytes) => {
    const answer = await sendRaw(fixture.port, bytes);

    expect(answer).toMatchObject({ status: 400, body: expect.stringContaining('"code":400002') });
    expect(fixture.upstream.seen).toEqual([]);
  });

  test.each(['gateway', 'Shop.Example:8443', '127.0.0.1:80', '[::1]:3000', 'my_gateway', 'a-b.example.'])(
    '%s is one',
    async (host) => {
      const bytes = `GET /api/v1/products HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

      expect((await sendRaw(fixture.port, bytes)).status).toBe(200);
    },
  );
});

describe('methods', () => {
  test.each(['TRACE', 'CONNECT', 'PATCH', 'PROPFIND', 'QUERY', 'FOO', 'get', 'PURGE', 'LINK', 'M-SEARCH'])(
    '%s is 405 with what is allowed, in the envelope',
    async (method) => {
      const answer = await sendRaw(fixture.port, head(`${method} /api/v1/products`, bearer));

      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toMatch(/\bGET\b/);
      expect(answer.body).toContain('"code":405000');
      expect(answer.body).not.toContain('Bearer');
      expect(fixture.upstream.seen).toEqual([]);
    },
  );

  test('CONNECT to an address is 405, and a client that resets then harms nobody', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n\x16\x03\x01');
    expect((await connection.next()).status).toBe(405);
    connection.socket.resetAndDestroy();

    expect((await sendRaw(fixture.port, head('GET /api/v1/products'))).status).toBe(200);
  });

  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
    '%s changes nothing',
    async (name) => {
      const asDelete = await sendRaw(fixture.port, head('GET /api/v1/products', `${name}: DELETE`));
      const asGet = await sendRaw(fixture.port, head('POST /api/v1/products?_method=GET', `${name}: GET`));

      expect([asDelete.status, asGet.status]).toEqual([200, 405]);
      expect(fixture.upstream.seen).toMatchObject([{ method: 'GET' }]);
      expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty(name.toLowerCase());
    },
  );

  test('headers that name another path change nothing, and do not go on', async () => {
    await sendRaw(
      fixture.port,
      head('GET /api/v1/products', 'X-Original-URL: /api/v1/orders', 'X-Rewrite-URL: /x'),
    );

    expect(seenUrls()).toEqual(['/api/v1/products']);
    expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty('x-original-url');
    expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty('x-rewrite-url');
  });
});

describe('parseTarget', () => {
  const hosts = new Set(['shop.example', 'api.example:8443']);
  const target = (url: string, host = 'shop.example', method = 'GET') =>
    parseTarget({ url, method, headers: { host } } as IncomingMessage, { hosts });
  const failure = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return isAppError(error) ? error.code : error;
    }
    return 'no failure';
  };

  test.each([
    ['/', '/', ''],
    ['/?', '/', '?'],
    ['/a/b', '/a/b', ''],
    ['/docs/', '/docs/', ''],
    ['/.well-known/jwks.json', '/.well-known/jwks.json', ''],
    ['/a/...', '/a/...', ''],
    ['/a/..b?c=..', '/a/..b', '?c=..'],
    ['/a?b?c', '/a', '?b?c'],
    ['/a?b=//../;', '/a', '?b=//../;'],
    ['/%E4%BD%A0?a=%20', '/%E4%BD%A0', '?a=%20'],
    ['/a%20b%2Bc%40', '/a%20b%2Bc%40', ''],
    ["/a:b@c,d!e$f&g'h(i)j*k+l=m~n", "/a:b@c,d!e$f&g'h(i)j*k+l=m~n", ''],
  ])('%s', (url, path, search) => {
    expect(target(url)).toEqual({ path, search });
  });

  test('OPTIONS may ask for the server as a whole, nobody else', () => {
    expect(target('*', 'shop.example', 'OPTIONS')).toEqual({ path: '*', search: '' });
    expect(failure(() => target('*'))).toBe(400002);
  });

  test.each([
    ['shop.example', 'no failure'],
    ['SHOP.example:1234', 'no failure'],
    ['api.example:8443', 'no failure'],
    ['api.example', 421001],
    ['api.example:80', 421001],
    ['evil.example', 421001],
    ['shop.example.evil.example', 421001],
    ['shop.example@evil.example', 400002],
  ])('with a list of hosts, %s: %s', (host, expected) => {
    expect(failure(() => target('/a', host))).toBe(expected);
  });
});
