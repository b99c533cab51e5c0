import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { freePort, startTestService } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createApp } from '../src/app';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
let token: string;
beforeAll(async () => {
  fixture = await startFixture('relayed', { routes: {} });
  token = await fixture.accessToken();
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => (fixture.upstream.seen.length = 0));

const json = { 'content-type': 'application/json; charset=utf-8' };
function answerWith(status: number, headers: Record<string, string>, body: string) {
  fixture.upstream.answer = (_request, response) =>
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** Bytes as they come: fetch would unpack them. */
function get(path: string, headers: Record<string, string>) {
  return new Promise<{ headers: http.IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
    const request = http.get(`${fixture.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
  });
}

let key = 0;
const ways: [string, () => ReturnType<Fixture['call']>][] = [
  ['that passes', () => fixture.call('GET /api/v1/orders', { token })],
  [
    'to a request with a key',
    () =>
      fixture.call('POST /api/v1/orders', {
        token,
        body: {},
        headers: { 'idempotency-key': `way-${(key += 1)}` },
      }),
  ],
  ['that could be kept', () => fixture.call(`GET /api/v1/products?page=${(key += 1)}`)],
];

describe.each(ways)('an answer %s', (_name, ask) => {
  test.each([429, 503])('of %i always says when to come again', async (status) => {
    answerWith(status, json, `{"code":${status}500}`);
    const silent = await ask();
    answerWith(status, { ...json, 'retry-after': '7' }, `{"code":${status}500}`);
    const own = await ask();

    expect(silent).toMatchObject({ status, body: { code: Number(`${status}500`) } });
    expect(silent.headers.get('retry-after')).toBe('1');
    expect(own.headers.get('retry-after')).toBe('7');
  });

  test.each([
    [500, 500000],
    [503, 503000],
    [504, 504000],
    [501, 500000],
  ])('of %i that is a page of a framework stays inside', async (status, code) => {
    answerWith(status, { 'content-type': 'text/html' }, '<pre>Error: at /srv/app.js:12</pre>');

    const answer = await ask();

    expect(answer).toMatchObject({
      status: Math.floor(code / 1_000),
      body: { code, data: null, trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(JSON.stringify(answer.body)).not.toContain('/srv/');
  });

  test('of 500 in JSON is the service’s own', async () => {
    answerWith(500, json, '{"code":500500,"message":"internal error"}');

    expect(await ask()).toMatchObject({ status: 500, body: { code: 500500 } });
  });
});

test('what is kept from the client is logged, once for each request', async () => {
  const { logger, lines } = recordingLogger();
  const httpPort = await freePort();
  const other = await startTestService(createApp, { ...fixture.config, httpPort }, { logger });
  const place = (headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${httpPort}/api/v1/orders`, {
      method: 'POST',
      body: '{}',
      headers: { ...json, authorization: `Bearer ${token}`, ...headers },
    });
  answerWith(500, { 'content-type': 'text/html' }, '<pre>Error: at /srv/app.js:12</pre>');

  const answer = await place({ 'idempotency-key': 'logged' });
  await other.stop();

  const errors = lines.filter(({ level }) => level === 'error' || level === 50);
  expect(errors).toHaveLength(1);
  const { trace_id } = (await answer.json()) as { trace_id: string };
  expect(errors[0]).toMatchObject({
    upstream: 'order-service',
    status: 500,
    contentType: 'text/html',
    trace_id,
  });
});

describe('a body that the gateway compresses', () => {
  const large = JSON.stringify({ data: 'ticket '.repeat(2_000) });

  test('is another form of the answer: the length, the validator and Vary say so', async () => {
    answerWith(200, { ...json, etag: '"strong"' }, large);
    const authorization = `Bearer ${token}`;

    const zipped = await get('/api/v1/orders', { authorization, 'accept-encoding': 'gzip' });
    const plain = await get('/api/v1/orders', { authorization });

    expect(zipped.headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-length': String(zipped.body.length),
      etag: 'W/"strong"',
      vary: expect.stringContaining('accept-encoding'),
    });
    expect(gunzipSync(zipped.body).toString()).toBe(large);
    expect(plain.headers).toMatchObject({
      'content-length': String(large.length),
      etag: '"strong"',
      vary: expect.stringContaining('accept-encoding'),
    });
    expect(plain.headers).not.toHaveProperty('content-encoding');
    expect(plain.body.toString()).toBe(large);
  });

  test('of a kept answer has a weak validator, too', async () => {
    answerWith(200, { ...json, etag: '"kept"' }, large);
    const ask = (encoding: string) => get('/api/v1/products/31', { 'accept-encoding': encoding });
    await eventually(async () => (await ask('gzip')).headers['content-encoding'] === 'gzip');

    expect((await ask('gzip')).headers['etag']).toBe('W/"kept"');
    expect((await ask('identity')).headers['etag']).toBe('"kept"');
  });

  test.each([
    ['a part of it', 206, { 'content-range': `bytes 0-${large.length - 1}/99999` }],
    ['a range', 200, { 'content-range': `bytes 0-${large.length - 1}/99999` }],
    ['compressed', 200, { 'content-encoding': 'br' }],
    ['a picture', 200, { 'content-type': 'image/png' }],
  ])('is none that is %s already', async (_name, status, headers) => {
    answerWith(status, { ...json, ...headers }, large);

    const answer = await get('/api/v1/orders', {
      authorization: `Bearer ${token}`,
      'accept-encoding': 'gzip, br',
    });

    expect(answer.headers['content-encoding']).not.toBe('gzip');
    expect(answer.body.toString()).toBe(large);
  });
});

test('an Idempotency-Key is answered byte by byte as the first time, with what belongs to the body', async () => {
  const body = ' {\t"code" : 0,\r\n"data":{"note":"\\u4f60\u597d"} }\n\n';
  answerWith(
    201,
    { 'content-type': 'application/json; charset=UTF-8; v=1', location: '/api/v1/orders/9', 'x-other': '1' },
    body,
  );
  const place = async () => {
    const response = await fetch(`${fixture.url}/api/v1/orders`, {
      method: 'POST',
      body: '{}',
      headers: { ...json, authorization: `Bearer ${token}`, 'idempotency-key': 'byte-by-byte' },
    });
    return { response, bytes: Buffer.from(await response.arrayBuffer()) };
  };

  const first = await place();
  const second = await place();

  expect(fixture.upstream.seen).toHaveLength(1);
  for (const { response, bytes } of [first, second]) {
    expect(bytes.equals(Buffer.from(body))).toBe(true);
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toBe('application/json; charset=UTF-8; v=1');
    expect(response.headers.get('location')).toBe('/api/v1/orders/9');
    expect(response.headers.get('x-served-version')).toBe('0.1.0');
  }
  expect(first.response.headers.get('idempotent-replayed')).toBeNull();
  expect(second.response.headers.get('idempotent-replayed')).toBe('true');
});

test('a kept answer is asked for, found, grows old, is shown while it is renewed, and is new', async () => {
  const path = '/api/v1/products/short-lived';
  const rule = { ttl_ms: 1_500, stale_ms: 20_000, tag: 'product' };
  const changes = { routes: { 'GET /api/v1/products/:id': { cache: rule } } };
  const config = { ...fixture.config, ...changes, httpPort: await freePort() };
  const other = await startTestService(createApp, config);
  answerWith(200, json, '"old"');
  const seen: { outcome: string | null; age: number; text: string }[] = [];
  const look = async () => {
    const response = await fetch(`http://127.0.0.1:${config.httpPort}${path}`);
    const { headers } = response;
    const text = await response.text();
    seen.push({ outcome: headers.get('x-cache'), age: Number(headers.get('age')), text });
    return text;
  };

  await look();
  answerWith(200, json, '"new"');
  await eventually(async () => (await look()) === '"new"');
  await other.stop();

  const changed = seen.filter(({ outcome }, at) => outcome !== seen[at - 1]?.outcome);
  expect(changed.map(({ outcome }) => outcome)).toEqual(['miss', 'hit', 'stale', 'hit']);
  const old = seen.filter(({ text }) => text === '"old"').map(({ age }) => age);
  expect(old).toEqual(old.toSorted((a, b) => a - b));
  expect(old[0]).toBe(0);
  expect(old.at(-1)).toBeGreaterThanOrEqual(1);
  expect(seen.at(-1)?.age).toBeLessThan(old.at(-1) ?? 0);
  expect(fixture.upstream.seen).toHaveLength(2);
}, 30_000);

test('an answer that only names cache-control as a value is not kept either', async () => {
  answerWith(200, { ...json, vary: 'cache-control' }, '{"code":0}');

  const { headers } = await fixture.call('GET /api/v1/orders', { token });

  expect(headers.get('cache-control')).toBe('no-store');
});
