import { recordingLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';
import { countedFor } from './refusals';

const { logger, lines } = recordingLogger();
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

let fixture: Fixture;
let token: string;
beforeAll(async () => {
  fixture = await startFixture('accesslog', { routes: {} }, {}, { logger });
  token = await fixture.accessToken();
}, 60_000);
afterAll(() => fixture.stop());
afterEach(() => {
  lines.length = 0;
  fixture.upstream.seen.length = 0;
});

const served = () => lines.filter(({ msg }) => msg === 'request served');
/** Lines leave when their answers have: exactly so many, and no other behind them. */
async function servedLines(count: number): Promise<Record<string, unknown>[]> {
  await eventually(() => served().length >= count);
  // The line of this one comes after all that were before it.
  await fixture.call('GET /livez', { headers: { 'x-request-id': 'the-last-one' } });
  await eventually(() => served().some(({ request_id }) => request_id === 'the-last-one'));
  return served().filter(({ request_id }) => request_id !== 'the-last-one');
}

test('a request is one line: what was asked, by whom, in which trace, and what came of it', async () => {
  await fixture.call('GET /api/v1/orders?page=2&token=secret', {
    token,
    headers: { 'x-request-id': 'request-0001', traceparent },
  });

  const all = await servedLines(1);

  expect(all).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      service: 'test',
      pid: process.pid,
      method: 'GET',
      path: '/api/v1/orders',
      status: 200,
      ms: expect.any(Number),
      user_id: '42',
      request_id: 'request-0001',
      trace_id: traceId,
      msg: 'request served',
    },
  ]);
});

test.each([
  ['what is not there', 'GET /api/v1/nothing', { status: 404 }],
  ['a method that is not there', 'DELETE /api/v1/orders', { status: 405, method: 'DELETE' }],
  ['nobody who asks for orders', 'GET /api/v1/orders', { status: 401 }],
  ['a page of our own', 'GET /health', { status: 200 }],
])('%s is one line', async (_name, at, expected) => {
  await fixture.call(at);

  const all = await servedLines(1);

  expect(all).toEqual([expect.objectContaining({ path: at.split(' ')[1], ...expected })]);
  expect(all[0]).not.toHaveProperty('user_id');
});

test('a purchase is one line', async () => {
  const path = '/api/v1/seckill/activities/77/buy';
  await fixture.call(`POST ${path}`, { token, body: { quantity: 1 } });

  expect(await servedLines(1)).toEqual([expect.objectContaining({ path, status: 202, user_id: '42' })]);
});

test('a kept answer is a line of its own, although nobody is asked for it', async () => {
  await fixture.call('GET /api/v1/products');
  const kept = await fixture.call('GET /api/v1/products');

  const all = await servedLines(2);

  expect(kept.headers.get('x-cache')).toBe('hit');
  expect(fixture.upstream.seen).toHaveLength(1);
  expect(all).toEqual(Array(2).fill(expect.objectContaining({ path: '/api/v1/products', status: 200 })));
  expect(new Set(all.map(({ request_id }) => request_id)).size).toBe(2);
});

test('a client that left before its answer is one line, with 499', async () => {
  const { answer } = fixture.upstream;
  fixture.upstream.answer = () => undefined;
  const connection = await connectRaw(fixture.port);
  connection.send(head('GET /api/v1/products/1/stock'));
  await eventually(() => fixture.upstream.seen.length === 1);

  connection.socket.destroy();

  expect(await servedLines(1)).toEqual([
    expect.objectContaining({ path: '/api/v1/products/1/stock', status: 499 }),
  ]);
  fixture.upstream.answer = answer;
});

test('what was refused by its framing is one line; what could not be read is counted, and no line', async () => {
  const before = await countedFor(fixture, 'malformed');
  const twice = await sendRaw(fixture.port, head('GET /api/v1/products', 'Host: other'));
  const unreadable = await sendRaw(fixture.port, 'no request at all\r\n\r\n');

  const all = await servedLines(1);

  expect([twice.status, unreadable.status]).toEqual([400, 400]);
  expect(all).toEqual([expect.objectContaining({ method: 'GET', path: '', status: 400 })]);
  expect(await countedFor(fixture, 'malformed')).toBe(before + 1);
});

test('every line is one observation; what no route answered is OTHER of unmatched', async () => {
  const observed = async (labels: string) => {
    const text = await fixture.metrics.registry.metrics();
    const line = text
      .split('\n')
      .find((each) => each.startsWith(`http_server_duration_seconds_count{`) && each.includes(labels));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const unmatched = 'method="OTHER",route="unmatched",code="200"';
  const before = await observed(unmatched);

  await fixture.call('GET /health');
  await fixture.call('GET /api/v1/orders/7', { token });

  await eventually(async () => (await observed('route="/api/v1/orders/:id",code="200"')) === 1);
  expect(await observed(unmatched)).toBe(before + 1);
});
