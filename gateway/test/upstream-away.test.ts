import { freePort } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Answer, type Fixture } from './fixture';

let fixture: Fixture;
let token: string;
beforeAll(async () => {
  const gone = { address: '127.0.0.1', http_port: await freePort(), grpc_port: await freePort() };
  fixture = await startFixture('away', {}, { 'product-service': [gone] });
  token = await fixture.accessToken();
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.upstream.seen.length = 0;
});

const codes = (answers: Answer[]) => answers.map(({ body }) => body.code);
const seenAt = (path: string) => fixture.upstream.seen.filter(({ url }) => url === path);

test('a service that is away: 503, and when to come again; the others are served', async () => {
  const away = await fixture.call('GET /api/v1/products/1/stock');
  const other = await fixture.call('GET /api/v1/orders', { token });

  expect(away.body.code).toBe(503001);
  expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(other.status).toBe(200);
});

test('a write to it was not carried out: 503, too', async () => {
  const staff = await fixture.accessToken({ permissions: ['product.write'] });

  const write = await fixture.call('POST /api/v1/admin/products', { token: staff, body: {} });

  expect(write.body.code).toBe(503001);
  expect(Number(write.headers.get('retry-after'))).toBeGreaterThan(0);
});

test.each([
  ['GET /api/v1/orders', 5_000],
  ['GET /api/v1/seckill/activities/1', 3_000],
])('%s: its service is told how long there is', async (at, limitMs) => {
  await fixture.call(at, { token });

  const told = fixture.upstream.seen.map(({ headers }) => Number(headers['x-deadline-ms']));
  expect(told).toHaveLength(1);
  expect(told[0]).toBeGreaterThan(0);
  expect(told[0]).toBeLessThanOrEqual(limitMs);
});

test('what a client says of its deadline does not count', async () => {
  await fixture.call('GET /api/v1/orders', { token, headers: { 'x-deadline-ms': '999999' } });

  expect(Number(fixture.upstream.seen[0]?.headers['x-deadline-ms'])).toBeLessThanOrEqual(5_000);
});

test('25 failing GETs open the breaker: 503 without a call, until a later one succeeds', async () => {
  const path = '/api/v1/notifications';
  const at = `GET ${path}`;
  const { answer } = fixture.upstream;
  fixture.upstream.answer = (request, response) =>
    request.url === path ? response.writeHead(500).end('{"code":500700}') : answer(request, response);

  const answers: Answer[] = [];
  for (let count = 0; count < 25; count += 1) answers.push(await fixture.call(at, { token }));

  expect(answers.slice(0, 20).map(({ status }) => status)).toEqual(Array(20).fill(500));
  expect(codes(answers.slice(20))).toEqual(Array(5).fill(503001));
  for (const { headers } of answers.slice(20)) expect(['1', '2']).toContain(headers.get('retry-after'));
  expect(seenAt(path)).toHaveLength(20);
  // The breaker is that of one upstream.
  expect((await fixture.call('GET /api/v1/orders', { token })).status).toBe(200);

  fixture.upstream.answer = answer;
  await eventually(async () => (await fixture.call(at, { token })).status === 200);
  expect(seenAt(path).length).toBeGreaterThan(20);
});
