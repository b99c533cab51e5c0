import net from 'node:net';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
let tokens: string[];
beforeAll(async () => {
  fixture = await startFixture('hotbuy');
  tokens = await Promise.all(
    Array.from({ length: 200 }, (_, index) => fixture.accessToken({ sub: String(1_000 + index) })),
  );
}, 60_000);
afterAll(() => fixture.stop());

const at = 'POST /api/v1/seckill/activities/77/buy';
const accept = fixtureDecision();
function fixtureDecision() {
  let next = 1;
  return () => ({ orderNo: String(next++), reservationId: String(next++) });
}
beforeEach(() => {
  fixture.seckill.decide = accept;
  fixture.seckill.batches.length = 0;
});

test('a purchase is answered 202 in the envelope, with the user, the key and the quantity it came with', async () => {
  const answer = await fixture.call(at, {
    token: tokens[0] ?? '',
    body: { quantity: 2 },
    headers: { 'idempotency-key': '"k-1"' },
  });

  expect(answer.status).toBe(202);
  expect(answer.body).toMatchObject({
    code: 0,
    message: 'success',
    data: { order_no: '1', reservation_id: '2', status: 'QUEUED' },
  });
  expect(answer.body.trace_id).toMatch(/^[0-9a-f]{32}$/);
  expect(answer.headers.get('x-served-version')).toBe('0.1.0');
  expect(fixture.seckill.batches.flat()).toMatchObject([
    { activityId: '77', userId: '1000', quantity: 2, idempotencyKey: 'k-1' },
  ]);
});

test('200 buyers at once get 200 answers, each its own', async () => {
  fixture.seckill.decide = (request) => ({ orderNo: request.userId, reservationId: `9${request.userId}` });

  const answers = await releaseTogether(200, (index) =>
    fixture.call(at, { token: tokens[index] ?? '', body: {} }),
  );

  const numbers = answers.map((answer) =>
    answer.status === 'fulfilled' ? (answer.value.body.data as { order_no: string }).order_no : 'failed',
  );
  expect(numbers).toEqual(tokens.map((_, index) => String(1_000 + index)));
});

test('purchases that arrive together leave together', async () => {
  // Pipelined on one connection, they are all there in the same turn of the loop.
  const requests = tokens
    .slice(0, 50)
    .map((token) => `${at} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  const socket = net.connect(fixture.port, '127.0.0.1', () => socket.write(requests.join('')));
  let answers = '';
  socket.on('data', (chunk) => (answers += chunk.toString()));

  await eventually(() => answers.split('HTTP/1.1 202').length === 51);

  socket.destroy();
  expect(fixture.seckill.batches.flat()).toHaveLength(50);
  expect(fixture.seckill.batches.length).toBeLessThanOrEqual(10);
});

test('a refusal keeps its code, its status and its message', async () => {
  fixture.seckill.decide = () => ({
    refusal: { code: 409404, reason: 'SOLD_OUT', message: 'sold out', retryAfterSeconds: 0 },
  });
  const soldOut = await fixture.call(at, { token: tokens[1] ?? '', body: {} });
  fixture.seckill.decide = () => ({
    refusal: { code: 503400, reason: 'UNAVAILABLE', message: 'later', retryAfterSeconds: 3 },
  });
  const later = await fixture.call(at, { token: tokens[1] ?? '', body: {} });

  expect(soldOut).toMatchObject({ status: 409, body: { code: 409404, message: 'sold out', data: null } });
  expect(later.status).toBe(503);
  expect(later.headers.get('retry-after')).toBe('3');
});

test.each([
  ['no token', {}, 401],
  ['a bad token', { token: 'a.b.c', body: {} }, 401],
  ['quantity 0', { body: { quantity: 0 } }, 400],
  ['a quantity as text', { body: { quantity: '1' } }, 400],
  ['an unknown field', { body: { price: 1 } }, 400],
  ['malformed JSON', { rawBody: '{' }, 400],
  ['a body that is too large', { rawBody: `{"token":"${'x'.repeat(2_000)}"}` }, 413],
  ['another media type', { rawBody: 'quantity=1', headers: { 'content-type': 'text/plain' } }, 415],
  ['a compressed body', { rawBody: '{}', headers: { 'content-encoding': 'gzip' } }, 415],
  ['a key of 300 characters', { body: {}, headers: { 'idempotency-key': 'k'.repeat(300) } }, 400],
])('%s is refused, and seckill-service hears nothing', async (name, options, status) => {
  const answer = await fixture.call(at, {
    ...(name !== 'no token' && { token: tokens[2] ?? '' }),
    ...options,
  });

  expect(answer.status).toBe(status);
  expect(Math.floor(answer.body.code / 1_000)).toBe(status);
  expect(answer.body.data).toBeNull();
  expect(fixture.seckill.batches).toEqual([]);
});

test('an absent body is one unit; a bad activity id is no route; another method is 405', async () => {
  expect((await fixture.call(at, { token: tokens[3] ?? '' })).status).toBe(202);
  expect(
    (await fixture.call('GET /api/v1/seckill/activities/77/buy', { token: tokens[3] ?? '' })).status,
  ).toBe(405);
  expect(fixture.seckill.batches.flat()).toMatchObject([{ quantity: 1, idempotencyKey: '' }]);
});

test('one user is limited, others are not', async () => {
  const token = await fixture.accessToken({ sub: '5000' });
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 45; attempt += 1)
    statuses.push((await fixture.call(at, { token, body: {} })).status);

  const refused = statuses.filter((status) => status === 429).length;
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThanOrEqual(5);
  expect((await fixture.call(at, { token: tokens[5] ?? '', body: {} })).status).toBe(202);
});

test('a purchase without an answer is told to come back', async () => {
  fixture.seckill.decide = () => undefined;

  const answer = await fixture.call(at, { token: tokens[6] ?? '', body: {} });

  expect(answer.body.code).toBe(504000);
  expect(answer.headers.get('retry-after')).toBe('1');
});

test('a broken stream fails those who wait, retryably and at once, and the next purchase finds a new one', async () => {
  fixture.seckill.decide = () => undefined;
  const waiting = releaseTogether(10, (index) =>
    fixture.call(at, { token: tokens[10 + index] ?? '', body: {} }),
  );
  await eventually(() => fixture.seckill.batches.flat().length === 10);

  fixture.seckill.breakStreams();

  const answers = await waiting;
  expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.body.code : 0))).toEqual(
    Array.from({ length: 10 }, () => 503001),
  );
  fixture.seckill.decide = accept;
  await eventually(
    async () => (await fixture.call(at, { token: tokens[30] ?? '', body: {} })).status === 202,
  );
});
