import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { routes } from '../src/routes';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
let token: string;
beforeAll(async () => {
  fixture = await startFixture('ends', { routes: {} });
  token = await fixture.accessToken();
}, 60_000);
afterAll(() => fixture.stop());

const success = '{"code":0,"message":"success","data":{"id":"1"},"trace_id":"t"}';
let executed = 0;
beforeEach(() => {
  executed = 0;
  fixture.upstream.seen.length = 0;
  fixture.upstream.answer = (_request, response) => {
    executed += 1;
    response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': 'upstream' }).end(success);
  };
});

describe('who may', () => {
  const change = (permissions: string[]) =>
    fixture
      .accessToken({ permissions })
      .then((staff) => fixture.call('PUT /api/v1/admin/products/1', { token: staff, body: {} }));

  test('a permission is checked before anybody is asked', async () => {
    expect((await change(['product.read'])).body.code).toBe(403000);
    expect(fixture.upstream.seen).toEqual([]);
    for (const held of ['product.write', 'product.*', '*']) expect((await change([held])).status).toBe(200);
  });

  test('a session that has ended is refused at once, also where its token was good a moment ago', async () => {
    const own = await fixture.accessToken({ sid: '900' });
    expect((await fixture.call('GET /api/v1/orders', { token: own })).status).toBe(200);

    fixture.auth.revoke('900');

    await eventually(async () => (await fixture.call('GET /api/v1/orders', { token: own })).status === 401);
  });

  test('a blocked address gets nothing, not even what is public', async () => {
    fixture.auth.tellRules([{ id: '1', action: 'block', cidr: '127.0.0.0/8', expiresAt: '0' }]);
    const at = 'GET /api/v1/products/1/stock';
    await eventually(async () => (await fixture.call(at)).body.code === 403001);

    fixture.auth.tellRules([]);
    await eventually(async () => (await fixture.call(at)).status === 200);
  });

  test('an API key that nobody has is refused', async () => {
    const answer = await fixture.call('GET /api/v1/products/1/stock', { headers: { 'x-api-key': 'guess' } });

    expect(answer.body.code).toBe(401002);
  });

  test('those who have won are let in before the crowd: orders, payments, results, callbacks', () => {
    const winners = routes.filter(({ priority }) => priority === 'winner').map(({ path }) => path);
    const crowd = routes.filter(({ priority }) => priority === 'crowd').map(({ path }) => path);

    for (const path of [
      '/api/v1/orders',
      '/api/v1/orders/:id/pay',
      '/api/v1/payment/create',
      '/api/v1/payment/callback/mock',
      '/api/v1/seckill/reservations/:id',
    ])
      expect(winners).toContain(path);
    expect(crowd).toContain('/api/v1/seckill/activities/:id/buy');
  });
});

describe('an Idempotency-Key', () => {
  const at = 'POST /api/v1/orders';
  const place = (key: string, more: { token?: string; body?: unknown } = {}) =>
    fixture.call(at, { token, body: { items: [] }, headers: { 'idempotency-key': key }, ...more });

  test('is carried out once, and answered byte by byte as the first time', async () => {
    const first = await place('once');
    const second = await place('once');

    expect(executed).toBe(1);
    expect(second.body).toEqual(first.body);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });

  test('is one of a user and a path: another user, or another path, is another request', async () => {
    await place('mine');
    await place('mine', { token: await fixture.accessToken({ sub: '43' }) });
    await fixture.call('POST /api/v1/orders/7/cancel', {
      token,
      body: {},
      headers: { 'idempotency-key': 'mine' },
    });

    expect(executed).toBe(3);
  });

  test('with another body is 422, and nothing happens', async () => {
    await place('body');
    const other = await place('body', { body: { items: [1] } });

    expect(other.body.code).toBe(422001);
    expect(executed).toBe(1);
  });

  test('that is being carried out is 409, and says when to come again', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.upstream.answer = (_request, response) => void gate.promise.then(() => response.end(success));
    const first = place('slow');
    await eventually(() => fixture.upstream.seen.length === 1);

    const second = await place('slow');
    gate.resolve();

    expect(second.body.code).toBe(409001);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await first).status).toBe(200);
    expect((await place('slow')).headers.get('idempotent-replayed')).toBe('true');
  });

  test('of 50 at the same instant lets one through', async () => {
    const answers = await releaseTogether(50, () => place('gate'));

    const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0));
    expect(executed).toBe(1);
    expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
  });

  test('is finished when its client has gone: the next try gets what came of it', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.upstream.answer = (_request, response) => void gate.promise.then(() => response.end(success));
    const leaving = new AbortController();
    const first = fetch(`${fixture.url}/api/v1/orders`, {
      method: 'POST',
      body: '{}',
      signal: leaving.signal,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': 'gone',
      },
    }).catch(() => undefined);
    await eventually(() => fixture.upstream.seen.length === 1);
    leaving.abort();
    await first;
    gate.resolve();

    await eventually(async () => {
      const next = await place('gone', { body: {} });
      return next.headers.get('idempotent-replayed') === 'true';
    });
    expect(fixture.upstream.seen).toHaveLength(1);
  });

  test('of what was refused may be used again, of what was carried out may not', async () => {
    fixture.upstream.answer = (_request, response) => response.writeHead(400).end(success);
    await place('mended');
    fixture.upstream.answer = (_request, response) => response.writeHead(500).end('{"code":500500}');
    expect((await place('mended')).status).toBe(500);
    const again = await place('mended');

    expect(again.status).toBe(500);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
  });

  test('is asked for where money moves, and kept for a week there, for a day elsewhere', async () => {
    const missing = await fixture.call(at, { token, body: {} });
    expect(missing.body).toMatchObject({ code: 400000, errors: [{ field: 'Idempotency-Key' }] });
    const days = async () => {
      const found = await fixture.redis.redis.keys(`*${fixture.config.namespace}*idempotency*`);
      const left = await Promise.all(found.map((key) => fixture.redis.redis.pttl(key)));
      return left.map((ms) => Math.ceil(ms / 86_400_000));
    };
    await fixture.redis.redis.del(
      ...(await fixture.redis.redis.keys(`*${fixture.config.namespace}*idempotency*`)),
    );

    await place('money');
    expect(await days()).toEqual([7]);
    await fixture.call('POST /api/v1/notifications/read-all', {
      token,
      headers: { 'idempotency-key': 'read' },
    });
    expect((await days()).sort()).toEqual([1, 7]);
  });

  test('is passed on, so that the service knows it, too', async () => {
    await place('"quoted key"');

    expect(fixture.upstream.seen[0]?.headers['idempotency-key']).toBe('"quoted key"');
  });
});

describe('a kept answer', () => {
  const big = `{"code":0,"message":"success","data":"${'ticket '.repeat(500)}","trace_id":"t"}`;

  test('is asked for once for everybody, and tells its age', async () => {
    const at = 'GET /api/v1/products?page=1';
    const together = await releaseTogether(50, () => fixture.call(at));
    const later = await fixture.call(at);

    expect(executed).toBe(1);
    expect(together.every((answer) => answer.status === 'fulfilled' && answer.value.status === 200)).toBe(
      true,
    );
    expect(later.headers.get('x-cache')).toBe('hit');
    expect(later.headers.get('age')).toMatch(/^\d+$/);
    expect(later.headers.get('x-served-version')).toBe('0.1.0');
    expect(later.headers.get('x-request-id')).not.toBe('upstream');
  });

  test('is asked for without anything of the client who happens to be the first', async () => {
    await fixture.call('GET /api/v1/products/5', { token, headers: { cookie: 'a=b', 'x-own': '1' } });

    const { headers = {} } = fixture.upstream.seen[0] ?? {};
    expect(headers).not.toHaveProperty('cookie');
    expect(headers).not.toHaveProperty('x-own');
    const verified = await fixture.tokens.of('product-service').verify(String(headers['x-internal-token']));
    expect(verified).toEqual({ service: 'gateway' });
  });

  test('is forgotten by a write, here and at once', async () => {
    const staff = await fixture.accessToken({ permissions: ['*'] });
    await fixture.call('GET /api/v1/products/9');
    await fixture.call('GET /api/v1/products?page=9');

    await fixture.call('PUT /api/v1/admin/products/9', { token: staff, body: {} });
    await fixture.call('GET /api/v1/products/9');
    await fixture.call('GET /api/v1/products?page=9');

    expect(executed).toBe(5);
  });

  test('goes out compressed to those who can read that', async () => {
    fixture.upstream.answer = (_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(big);
    const ask = (encoding: string) =>
      fetch(`${fixture.url}/api/v1/products/77`, { headers: { 'accept-encoding': encoding } });

    await eventually(async () => (await ask('gzip')).headers.get('content-encoding') === 'gzip');

    expect(await (await ask('gzip')).text()).toBe(big);
    const plain = await ask('gzip;q=0, identity');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.text()).toBe(big);
  });

  test('HEAD has its headers and no body', async () => {
    const head = await fetch(`${fixture.url}/api/v1/products/11`, { method: 'HEAD' });

    expect(head.status).toBe(200);
    expect(Number(head.headers.get('content-length'))).toBe(success.length);
    expect(await head.text()).toBe('');
  });
});

test('a large answer that is not kept is compressed, a small one is not', async () => {
  const large = JSON.stringify({ data: 'x'.repeat(20_000) });
  fixture.upstream.answer = (_request, response) => {
    const body = response.req.url?.includes('large') ? large : success;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  };
  const ask = (search: string) =>
    fixture.call(`GET /api/v1/orders?${search}`, { token, headers: { 'accept-encoding': 'gzip' } });

  const [big, small] = [await ask('large'), await ask('small')];

  expect(big.headers.get('content-encoding')).toBe('gzip');
  expect(JSON.stringify(big.body)).toBe(large);
  expect(small.headers.get('content-encoding')).toBeNull();
});

test('every answer tells which request it was for, and forbids what nobody needs', async () => {
  const sent = await fixture.call('GET /api/v1/products/1/stock', {
    headers: { 'x-request-id': 'mine-12345' },
  });
  const evil = await fixture.call('GET /api/v1/nothing', { headers: { 'x-request-id': 'short' } });

  expect(sent.headers.get('x-request-id')).toBe('mine-12345');
  expect(fixture.upstream.seen[0]?.headers['x-request-id']).toBe('mine-12345');
  expect(evil.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  for (const { headers } of [sent, evil]) {
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
  }
  expect(sent.headers.get('ratelimit-policy')).toMatch(/^"[a-z-]+(?:-address)?[^"]*";q=\d+;w=\d+$/);
});
