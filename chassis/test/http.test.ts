import { z } from 'zod';
import { defineErrors } from '../src/errors';
import { Reply, route } from '../src/http-routes';
import { createHttpServer, hasPermission, parseIdempotencyKey } from '../src/http-server';
import { createManagementServer } from '../src/management-server';
import { createMetrics } from '../src/metrics';
import { openApiDocument } from '../src/openapi';
import { currentContext } from '../src/request-context';
import { badRequestsOf, problemsWith } from '../src/testing/bad-requests';
import { recordingLogger } from '../src/testing/logger';
import { admin, buyer, createTestHttpClient, type TestHttpClient } from '../src/testing/service';
import { createTestTokens } from '../src/testing/tokens';

const errors = defineErrors('order-service', {
  alreadyPaid: { http: 409, number: 1, message: 'the order is paid' },
});
const tokens = createTestTokens();
const { logger, lines } = recordingLogger();
const item = z.object({ id: z.string(), count: z.int() });

const routes = [
  route(
    'GET /api/v1/things/:id',
    { summary: 'One', access: 'public', params: z.object({ id: z.string().regex(/^\d+$/) }), reply: item },
    ({ params }) => Promise.resolve({ id: params.id, count: 1 }),
  ),
  route(
    'POST /api/v1/things',
    {
      summary: 'Make',
      access: 'user',
      body: z.strictObject({ name: z.string(), count: z.int().min(1) }),
      reply: item,
      status: 201,
      idempotencyKey: 'required',
    },
    ({ body, user }) =>
      Promise.resolve(
        body.count === 2
          ? new Reply(202, { id: user.id, count: 2 })
          : { id: currentContext()?.user?.id ?? '', count: body.count },
      ),
  ),
  route(
    'DELETE /api/v1/things/:id',
    {
      summary: 'Away',
      access: { permission: 'thing.delete' },
      params: z.object({ id: z.string().regex(/^\d+$/) }),
      reply: z.null(),
    },
    ({ params }) =>
      Promise.reject(
        params.id === '1' ? errors.alreadyPaid({ retryAfterSeconds: 3 }) : new Error('SELECT 1'),
      ),
  ),
  route(
    'POST /api/v1/callback',
    { summary: 'Signed', access: 'signature', rawBody: true, bare: 'text', reply: z.string() },
    ({ rawBody, header }) => Promise.resolve(`${header('x-signature')} ${rawBody.toString('hex')}`),
  ),
];

const metrics = createMetrics({ service: 'test' });
const openApi = () => openApiDocument({ title: 'things', version: '1', routes, errors: errors.all });
const server = createHttpServer({
  host: '127.0.0.1',
  port: 0,
  routes,
  tokens: tokens.of('order-service'),
  errors,
  logger,
  metrics,
  openApi,
});
let http: TestHttpClient;
beforeAll(async () => {
  await server.start();
  http = createTestHttpClient({ port: server.port(), service: 'order-service', tokens });
});
afterAll(server.stop);

const key = { 'idempotency-key': 'k' };

test('an answer is in the envelope, with the status of its route or its own', async () => {
  const one = await http.call('GET /api/v1/things/5');
  expect(one.status).toBe(200);
  expect(one.body).toEqual({
    code: 0,
    message: 'success',
    data: { id: '5', count: 1 },
    trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  const make = (count: number) =>
    http.call('POST /api/v1/things', { user: buyer(9), body: { name: 'a', count }, headers: key });
  expect(await make(1)).toMatchObject({ status: 201, body: { data: { id: '9', count: 1 } } });
  expect(await make(2)).toMatchObject({ status: 202, body: { data: { id: '9', count: 2 } } });
});

test('what every route has to refuse is refused, in the envelope', async () => {
  const problems: string[] = [];
  const bad = badRequestsOf(routes, http, buyer(1));
  for (const request of bad) {
    const answer = await request.send();
    problems.push(...problemsWith(answer, request.status).map((problem) => `${request.name}: ${problem}`));
  }

  expect(bad.length).toBeGreaterThan(12);
  expect(problems).toEqual([]);
});

test('every wrong field is named at once', async () => {
  const { body } = await http.call('POST /api/v1/things', {
    user: buyer(1),
    body: { name: 5, count: 0 },
    headers: key,
  });

  expect(body.errors?.map((problem) => problem.field).sort()).toEqual(['count', 'name']);
});

test('an expected failure says what it is; of any other there is a fixed text, and a line in the log', async () => {
  const expected = await http.call('DELETE /api/v1/things/1', { user: admin });
  expect(expected).toMatchObject({
    status: 409,
    body: { code: 409501, message: 'the order is paid', data: null },
  });
  expect(expected.headers.get('retry-after')).toBe('3');

  const unexpected = await http.call('DELETE /api/v1/things/2', { user: admin });
  expect(unexpected).toMatchObject({ status: 500, body: { code: 500500, message: 'internal error' } });
  expect(JSON.stringify(unexpected.body)).not.toContain('SELECT');
  expect(JSON.stringify(lines)).toContain('SELECT 1');
});

test('only the gateway may call', async () => {
  const at = `http://127.0.0.1:${server.port()}/api/v1/things/5`;
  const asked = async (headers: Record<string, string>) => (await fetch(at, { headers })).status;

  expect(await asked({})).toBe(401);
  expect(await asked({ 'x-internal-token': 'garbage' })).toBe(401);
  expect(await asked({ 'x-internal-token': await tokens.of('gateway').issue('user-service') })).toBe(401);
  expect(await asked({ 'x-internal-token': await tokens.of('user-service').issue('order-service') })).toBe(
    403,
  );
});

test('a signed callback gets its bytes as they came', async () => {
  const answer = await http.call('POST /api/v1/callback', {
    rawBody: '{"a": 1 }',
    headers: { 'x-signature': 's' },
  });

  expect(answer.body).toBe(`s ${Buffer.from('{"a": 1 }').toString('hex')}`);
});

test('a request has an id, and a line in the log that carries it', async () => {
  const answer = await http.call('GET /api/v1/things/77', { headers: { 'x-request-id': 'my-request-77' } });
  const forged = await http.call('GET /api/v1/things/78', { headers: { 'x-request-id': 'a b' } });

  expect(answer.headers.get('x-request-id')).toBe('my-request-77');
  expect(forged.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(lines.find((line) => line['path'] === '/api/v1/things/77')).toMatchObject({
    level: 'info',
    msg: 'request served',
    method: 'GET',
    status: 200,
    request_id: 'my-request-77',
  });
});

test('the document tells every route, and is made of the same schemas', () => {
  const document = openApi();

  expect(Object.keys(document.paths ?? {}).sort()).toEqual([
    '/api/v1/callback',
    '/api/v1/things',
    '/api/v1/things/{id}',
  ]);
  const make = document.paths?.['/api/v1/things']?.post;
  expect(make?.security).toEqual([{ bearer: [] }]);
  expect(document.paths?.['/api/v1/things/{id}']?.delete?.security).toEqual([{ bearer: ['thing.delete'] }]);
  expect(document.paths?.['/api/v1/callback']?.post?.security).toBeUndefined();
  expect(JSON.stringify(make?.requestBody)).toContain('"minimum":1');
  expect(JSON.stringify(make?.parameters)).toContain('Idempotency-Key');
});

test('a permission covers itself, its group, or all', () => {
  const may = (held: string) => hasPermission({ ...buyer(1), permissions: [held] }, 'order.refund');

  expect([may('order.refund'), may('order.*'), may('*')]).toEqual([true, true, true]);
  expect([may('order.read'), may('orders.*'), may('')]).toEqual([false, false, false]);
});

test('an Idempotency-Key is bare or a quoted string, visible and not too long', () => {
  expect(parseIdempotencyKey('"k-1"', true, errors)).toBe('k-1');
  expect(parseIdempotencyKey('k-1', true, errors)).toBe('k-1');
  expect(parseIdempotencyKey('"order \\"42\\""', true, errors)).toBe('order "42"');
  expect(parseIdempotencyKey(undefined, false, errors)).toBeUndefined();
  for (const bad of ['', '""', 'a b', '"a"b"', 'ключ', 'x'.repeat(256)])
    expect(() => parseIdempotencyKey(bad, false, errors)).toThrow(errors.invalidArgument().message);
  expect(() => parseIdempotencyKey(undefined, true, errors)).toThrow(errors.invalidArgument().message);
});

test('the management port tells the probes the truth', async () => {
  let isReady = false;
  const management = createManagementServer({
    host: '127.0.0.1',
    port: 0,
    metrics,
    isReady: () => isReady,
    openApi,
  });
  await management.start();
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${management.port()}${path}`);
    return { status: answer.status, text: await answer.text() };
  };

  expect((await get('/livez')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(503);
  isReady = true;
  expect((await get('/readyz?verbose')).status).toBe(200);
  expect((await get('/metrics')).text).toContain('http_server_duration_seconds_bucket');
  expect((await get('/openapi.json')).text).toContain('"/api/v1/things"');
  expect((await get('/elsewhere')).status).toBe(404);
  await management.stop();
});

test('a method that nobody has defined is no series of its own', async () => {
  await fetch(`http://127.0.0.1:${server.port()}/api/v1/things`, { method: 'PROPFIND' });

  const page = await metrics.registry.metrics();
  expect(page).not.toContain('PROPFIND');
  expect(page).toMatch(/http_server_duration_seconds_count{[^}]*method="OTHER"/);
});
