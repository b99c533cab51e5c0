import { buyer } from '@onrush/chassis/testing/service';
import { reportOf, sign, startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('payedge');
}, 60_000);
afterAll(() => fixture.stop());

const create = 'POST /api/v1/payment/create';
const withKey = { 'idempotency-key': 'edge' };

/** The envelope, and nothing that tells how we are built. */
function expectRefusal(answer: { status: number; body: object }, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({
    code: expect.any(Number),
    message: expect.any(String),
    data: null,
    trace_id: expect.any(String),
  });
  expect(JSON.stringify(answer.body)).not.toMatch(/\bat \/|node_modules|SELECT|Error:/);
}

afterEach(async () => {
  expect(await fixture.rows('SELECT id FROM payments')).toEqual([]);
});

test.each([
  ['no order', { channel: 'mock' }],
  ['no channel', { order_id: '1001' }],
  ['an unknown channel', { order_id: '1001', channel: 'cash' }],
  ['a number for an id', { order_id: 1001, channel: 'mock' }],
  ['an id that is none', { order_id: '1e3', channel: 'mock' }],
  ['an id with a space', { order_id: ' 1001', channel: 'mock' }],
  ['an amount of its own', { order_id: '1001', channel: 'mock', amount: 1 }],
  ['a notify URL of its own', { order_id: '1001', channel: 'mock', notify_url: 'http://evil.test' }],
  ['a list', []],
])('a wish for a payment with %s is refused', async (_name, body) => {
  fixture.orders.set('1001', order());

  expectRefusal(await fixture.http.call(create, { user: buyer(7), body, headers: withKey }), 400);
});

test.each([
  ['missing', {}],
  ['empty', { 'idempotency-key': '""' }],
  ['too long', { 'idempotency-key': 'k'.repeat(256) }],
  ['with a space', { 'idempotency-key': 'a b' }],
])('an Idempotency-Key that is %s is refused', async (_name, headers: Record<string, string>) => {
  fixture.orders.set('1001', order());
  const body = { order_id: '1001', channel: 'mock' };

  const answer = await fixture.http.call(create, { user: buyer(7), body, headers });

  expectRefusal(answer, 400);
  expect(answer.body.errors?.[0]?.field).toBe('Idempotency-Key');
});

test('malformed JSON, another type, a body too large and one packed up are refused', async () => {
  const call = (rawBody: string, headers: Record<string, string> = {}) =>
    fixture.http.call(create, { user: buyer(7), rawBody, headers: { ...withKey, ...headers } });

  expectRefusal(await call('{"order_id":'), 400);
  expectRefusal(await call('order_id=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
  expectRefusal(await call(JSON.stringify({ order_id: '1'.repeat(70_000) })), 413);
  expectRefusal(await call('{}', { 'content-encoding': 'gzip' }), 415);
});

test('without a user there is no payment and no status', async () => {
  const body = { order_id: '1001', channel: 'mock' };

  expectRefusal(await fixture.http.call(create, { body, headers: withKey }), 401);
  expectRefusal(await fixture.http.call('GET /api/v1/payment/1/status'), 401);
});

test.each(['abc', '0', '-1', '1.5', '1'.repeat(21), '%00'])('the status of "%s" is refused', async (id) => {
  expectRefusal(await fixture.http.call(`GET /api/v1/payment/${id}/status`, { user: buyer(7) }), 400);
});

test('an unknown payment, an unknown path and another method are refused', async () => {
  const user = buyer(7);

  expectRefusal(await fixture.http.call('GET /api/v1/payment/1/status', { user }), 404);
  expectRefusal(await fixture.http.call('GET /api/v1/payment/1/secrets', { user }), 404);
  const wrongMethod = await fixture.http.call(`GET /api/v1/payment/create`, { user });
  expectRefusal(wrongMethod, 405);
  expect(wrongMethod.headers.get('allow')).toBe('POST');
  expectRefusal(await fixture.http.call('GET /api/v1/payment/callback/mock'), 405);
});

test('a callback that is too large or packed up is refused before its signature is looked at', async () => {
  const path = 'POST /api/v1/payment/callback/mock';
  const large = JSON.stringify({ note: 'x'.repeat(70_000) });

  expectRefusal(
    await fixture.http.call(path, { rawBody: large, headers: { 'x-mock-signature': sign(large) } }),
    413,
  );
  expectRefusal(
    await fixture.http.call(path, { rawBody: '{}', headers: { 'content-encoding': 'gzip' } }),
    415,
  );
});

test('the signature is over the bytes, whatever they are said to be', async () => {
  const report = { ...reportOf({ payment_no: 'P1', amount: 1 } as never), payment_no: 'P1' };
  const rawBody = JSON.stringify(report, null, 2);
  const headers = { 'content-type': 'text/plain', 'x-mock-signature': sign(rawBody).toUpperCase() };

  const answer = await fixture.http.call('POST /api/v1/payment/callback/mock', { rawBody, headers });

  // The signature is right, the payment unknown: 400, not 401.
  expect([answer.status, answer.body as unknown]).toEqual([400, 'fail']);
});

test('a caller that is not the gateway, or shows nothing, is refused', async () => {
  const url = `http://127.0.0.1:${fixture.config.httpPort}/api/v1/payment/1/status`;
  const foreign = await fixture.tokens.of('notify-service').issue('payment-service', buyer(7));
  const misaddressed = await fixture.tokens.of('gateway').issue('order-service', buyer(7));
  const statusWith = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;

  expect(await statusWith({})).toBe(401);
  expect(await statusWith({ 'x-internal-token': 'nonsense' })).toBe(401);
  expect(await statusWith({ 'x-internal-token': misaddressed })).toBe(401);
  expect(await statusWith({ 'x-internal-token': foreign })).toBe(403);
});

test('without order-service the answer is 503 with a time to wait', async () => {
  const elsewhere = await startFixture('payalone', { staticServices: {} });
  try {
    const answer = await elsewhere.create('1001');

    expectRefusal(answer, 503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await elsewhere.rows('SELECT id FROM payments')).toEqual([]);
  } finally {
    await elsewhere.stop();
  }
});

const order = () => ({
  userId: '7',
  status: 'CREATED',
  totalAmount: 100,
  expiresAt: new Date(Date.now() + 60_000),
});
