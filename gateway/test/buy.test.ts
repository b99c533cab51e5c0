import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head } from './raw-socket';

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
  const connections = await Promise.all(Array.from({ length: 50 }, () => connectRaw(fixture.port)));
  // The gateway has accepted whoever has had an answer.
  for (const { send } of connections) send(head('GET /api/v1/nothing'));
  await Promise.all(connections.map((connection) => connection.next()));

  // Written in one turn of this loop, they are all there in few turns of the gateway's.
  for (const [index, { send }] of connections.entries())
    send(head(at, `Authorization: Bearer ${tokens[index]}`));
  const answers = await Promise.all(connections.map((connection) => connection.next()));

  for (const { socket } of connections) socket.destroy();
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 202));
  expect(fixture.seckill.batches.flat()).toHaveLength(50);
  expect(fixture.seckill.batches.length).toBeLessThan(25);
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

test('a malformed refusal is an internal error, and the gateway serves on', async () => {
  fixture.seckill.decide = () => ({ refusal: { code: 0, reason: '', message: '', retryAfterSeconds: 0 } });
  const malformed = await fixture.call(at, { token: tokens[7] ?? '', body: {} });
  fixture.seckill.decide = accept;
  const next = await fixture.call(at, { token: tokens[7] ?? '', body: {} });

  expect(malformed).toMatchObject({ status: 500, body: { code: 500000, data: null } });
  expect(next.status).toBe(202);
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

test('an absent body is one unit', async () => {
  const answer = await fixture.call(at, { token: tokens[3] ?? '' });

  expect(answer.status).toBe(202);
  expect(fixture.seckill.batches.flat()).toMatchObject([{ quantity: 1, idempotencyKey: '' }]);
});

test.each([
  ['GET', '77', 405],
  ['POST', 'x', 404],
  ['POST', '0', 404],
  ['POST', '-1', 404],
  ['POST', '1'.repeat(20), 404],
])('%s for the activity %s is no purchase', async (method, id, status) => {
  const path = `/api/v1/seckill/activities/${id}/buy`;
  const answer = await fixture.call(`${method} ${path}`, { token: tokens[3] ?? '' });

  expect(answer.status).toBe(status);
  expect(fixture.seckill.batches).toEqual([]);
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

test('a purchase without an answer is told to come back if its key makes that safe', async () => {
  fixture.seckill.decide = () => undefined;
  const token = tokens[6] ?? '';

  const [withKey, without] = await Promise.all([
    fixture.call(at, { token, body: {}, headers: { 'idempotency-key': 'k-6' } }),
    fixture.call(at, { token, body: {} }),
  ]);

  expect([withKey.body.code, without.body.code]).toEqual([504000, 504000]);
  expect(withKey.headers.get('retry-after')).toBe('1');
  expect(without.headers.get('retry-after')).toBeNull();
});

test('a broken stream fails those who wait at once, retryably with a key, and the next purchase finds a new one', async () => {
  fixture.seckill.decide = () => undefined;
  const waiting = releaseTogether(10, (index) =>
    fixture.call(at, {
      token: tokens[10 + index] ?? '',
      body: {},
      headers: index < 5 ? { 'idempotency-key': `k-${index}` } : {},
    }),
  );
  await eventually(() => fixture.seckill.batches.flat().length === 10);

  fixture.seckill.breakStreams();

  const answers = (await waiting).map((answer) =>
    answer.status === 'fulfilled'
      ? [answer.value.body.code, answer.value.headers.get('retry-after')]
      : [answer.reason],
  );
  expect(answers.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => [503001, '1']));
  expect(answers.slice(5)).toEqual(Array.from({ length: 5 }, () => [504000, null]));
  fixture.seckill.decide = accept;
  await eventually(
    async () => (await fixture.call(at, { token: tokens[30] ?? '', body: {} })).status === 202,
  );
});

test('a broken stream and a retry with the same key never buy twice', async () => {
  const decided = new Map<string, ReturnType<typeof accept>>();
  let decisions = 0;
  fixture.seckill.decide = ({ idempotencyKey }) => {
    const known = decided.get(idempotencyKey);
    if (known) return known;
    decisions += 1;
    decided.set(idempotencyKey, accept());
    fixture.seckill.breakStreams();
    return undefined;
  };
  const buy = () =>
    fixture.call(at, { token: tokens[31] ?? '', body: {}, headers: { 'idempotency-key': 'once' } });

  const broken = await buy();
  const answer = await eventually(async () => {
    const retry = await buy();
    return retry.status === 503 ? undefined : retry;
  });

  expect(broken.body.code).toBe(503001);
  expect(broken.headers.get('retry-after')).toBe('1');
  expect(answer).toMatchObject({
    status: 202,
    body: { data: { order_no: decided.get('once')?.orderNo } },
  });
  expect(decisions).toBe(1);
});
