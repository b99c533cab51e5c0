import type { ServerResponse } from 'node:http';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, type RawConnection } from './raw-socket';

let fixture: Fixture;
let token: string;
/** Requests at upstreams that wait for an answer. */
let held: ServerResponse[] = [];
/** More than the share of the crowd of what a gateway lets in at first, and less than that of others. */
const crowdSize = 800;

beforeAll(async () => {
  const hanging = { cache: false as const, timeout_ms: 30_000 };
  const routes = {
    'GET /api/v1/products/:id': hanging,
    'GET /api/v1/seckill/activities/:id': hanging,
  };
  fixture = await startFixture('room', { routes });
  token = await fixture.accessToken();
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => {
  held = [];
  fixture.upstream.seen.length = 0;
  fixture.upstream.answer = (request, response) => {
    const isOfTheCrowd = /^\/api\/v1\/(?:products|seckill\/activities)\/\d+$/.test(request.url ?? '');
    if (isOfTheCrowd) held.push(response);
    else response.end('{"code":0}');
  };
});

async function metric(name: string): Promise<number> {
  const text = await fixture.metrics.registry.metrics();
  const line = text.split('\n').find((each) => each.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}
const inFlight = () => metric('gateway_in_flight');

/** In pieces, which the backlog of a listening socket can take. */
async function connectMany(count: number): Promise<RawConnection[]> {
  const open: RawConnection[] = [];
  while (open.length < count) {
    const more = Math.min(100, count - open.length);
    open.push(...(await Promise.all(Array.from({ length: more }, () => connectRaw(fixture.port)))));
  }
  return open;
}

/** Answers what waits at the upstreams, and what comes from now on. */
function answerAll(): void {
  fixture.upstream.answer = (_request, response) => response.end('{"code":0}');
  for (const response of held) response.end('{"code":0}');
}

test('a crowd beyond its share is told to come back, and a winner is served', async () => {
  const crowd = await connectMany(crowdSize);
  for (const [index, { send }] of crowd.entries())
    send(head(`GET /api/v1/${index % 2 ? 'products' : 'seckill/activities'}/${index + 1}`));
  await eventually(() => crowd.some(({ answers }) => answers.length > 0));

  const refused = await fixture.call('GET /api/v1/products/9');
  // Of the same instance whose connections the crowd has taken.
  const winner = await fixture.call('GET /api/v1/seckill/reservations/1', { token });

  expect(refused).toMatchObject({ status: 503, body: { code: 503002 } });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(winner.status).toBe(200);
  answerAll();
  const answers = await Promise.all(crowd.map((each) => each.next()));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
  for (const { socket } of crowd) socket.destroy();
  await eventually(async () => (await inFlight()) === 0);
}, 60_000);

test('whoever sends a body slowly takes up no room', async () => {
  const slow = await connectMany(crowdSize);
  const announced = [
    'Content-Type: application/json',
    'Content-Length: 50',
    // The answer to this one tells that the body is waited for.
    'Expect: 100-continue',
  ];
  for (const { send } of slow) send(`${head('POST /api/v1/auth/refresh', ...announced)}{`);
  await eventually(() => slow.every(({ interim }) => interim.includes(100)));

  const waiting = await inFlight();
  const crowd = await fixture.call('GET /api/v1/products/1/stock');
  answerAll();
  const other = await fixture.call('GET /api/v1/products/1');

  expect(waiting).toBe(0);
  expect([crowd.status, other.status]).toEqual([200, 200]);
  // A body that has come is served as any other.
  const [first] = slow;
  first?.send(' '.repeat(48) + '}');
  expect((await first?.next())?.status).toBe(200);
  for (const { socket } of slow) socket.destroy();
  await eventually(async () => (await inFlight()) === 0);
}, 60_000);

test('requests sent ahead on one connection wait for their turn there, and take up no room meanwhile', async () => {
  const ahead = 1_500;
  const connection = await connectRaw(fixture.port);
  connection.send(head('GET /api/v1/products/1') + head('GET /api/v1/products/2/stock').repeat(ahead));
  await eventually(() => held.length === 1);
  // Whatever else would be done of what came with it is done when another's request has been answered.
  const other = await fixture.call('GET /api/v1/orders/1', { token });

  const meanwhile = { served: fixture.upstream.seen.length, inFlight: await inFlight() };
  answerAll();

  expect(other.status).toBe(200);
  expect(meanwhile).toEqual({ served: 2, inFlight: 1 });
  await eventually(() => connection.answers.length === 1 + ahead, { timeoutMs: 30_000 });
  expect(connection.answers.every(({ status }) => status === 200)).toBe(true);
  connection.socket.destroy();
  await eventually(async () => (await inFlight()) === 0);
}, 60_000);

test('what waits behind a request on a connection that ends is never carried out, and leaves no room taken', async () => {
  const connection = await connectRaw(fixture.port);
  connection.send(head('GET /api/v1/products/1') + head('GET /api/v1/products/2/stock').repeat(8));
  await eventually(() => held.length === 1);

  connection.socket.destroy();

  await eventually(async () => (await inFlight()) === 0);
  expect(fixture.upstream.seen).toHaveLength(1);
});
