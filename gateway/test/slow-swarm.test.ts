import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { connectRaw, head } from './raw-socket';

/** The bodies first, since they have longer. */
const swarms = {
  bodies: {
    count: 500,
    begin: head('POST /api/v1/register', 'Content-Type: application/json', 'Content-Length: 9999'),
  },
  heads: { count: 4_500, begin: 'GET /api/v1/products HTTP/1.1\r\nHost: a\r\nX-A: ' },
};
const attackers = swarms.bodies.count + swarms.heads.count;
const visitors = 20;

let fixture: Fixture;
beforeAll(async () => {
  const routes = { 'GET /api/v1/products': { cache: false as const } };
  fixture = await startFixture('slowswarm', { maxConnectionsPerAddress: 2 * attackers, routes });
}, 60_000);
afterAll(() => fixture.stop());

/** What a visitor asks in turn, and how it is answered. The buyer is a new one each time, so that no limit is in the way. */
async function requestsOf(buyer: string): Promise<[string, number, RegExp][]> {
  const bearer = `Authorization: Bearer ${await fixture.accessToken({ sub: buyer })}`;
  return [
    [head('GET /api/v1/products'), 200, /"code":0/],
    [head('GET /api/v1/orders', bearer), 200, /"code":0/],
    [head('GET /api/v1/orders'), 401, /"code":401/],
    [head('GET /api/v1/no-such-route'), 404, /"code":404000/],
    [head('POST /api/v1/seckill/activities/77/buy', bearer, 'Content-Length: 0'), 202, /"QUEUED"/],
  ];
}

/** Asks on one connection, one request after the other, until it is told to stop. Returns what was answered otherwise than it should be. */
async function visit(visitor: number, isOver: () => boolean) {
  const connection = await connectRaw(fixture.port);
  const wrong: unknown[] = [];
  let answered = 0;
  do {
    for (const [request, status, body] of await requestsOf(String(100_000 * visitor + answered))) {
      connection.send(request);
      const answer = await connection.next();
      if (answer.status !== status || !body.test(answer.body)) wrong.push(answer);
      answered += 1;
      await pause(50);
    }
  } while (!isOver());
  connection.socket.destroy();
  return { answered, wrong };
}

/** Returns how often each status was the answer, when all are over. */
async function attack(onConnected: () => Promise<void>) {
  const options = JSON.stringify({ port: fixture.port, everyMs: 1_000, swarms });
  const child = fork(path.join(__dirname, 'slow-swarm.cjs'), [options], { execArgv: [] });
  await once(child, 'message');
  await onConnected();
  const [{ answers }] = (await once(child, 'message')) as [{ answers: object }];
  return answers;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
function heapMiB(): number {
  fixture.upstream.seen.length = 0;
  fixture.seckill.batches.length = 0;
  collectGarbage();
  return process.memoryUsage().heapUsed / 1_048_576;
}

const areOpen = async () => {
  const text = await fixture.metrics.registry.metrics();
  return Number(/^gateway_connections\{.*\} (\d+)$/m.exec(text)?.[1]);
};

test('5,000 clients that drip a head or a body are sent away with 408, and twenty others are served as ever', async () => {
  let isOver = true;
  const visitAll = () =>
    Promise.all(Array.from({ length: visitors }, (_, index) => visit(index + 1, () => isOver)));
  // Once each: what is loaded and compiled then is no leak.
  await visitAll();
  const before = heapMiB();
  isOver = false;
  const visits = visitAll();

  const answers = await attack(async () => {
    // Most of them at once: where it takes seconds to open all, the first are sent away before the last have come.
    await eventually(async () => (await areOpen()) > attackers / 2);
  });

  isOver = true;
  const served = await visits;
  expect(answers).toEqual({ heads: { 408: swarms.heads.count }, bodies: { 408: swarms.bodies.count } });
  expect(served.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(Math.min(...served.map(({ answered }) => answered))).toBeGreaterThan(20);
  await eventually(async () => (await areOpen()) === 0);
  // Open, they hold 50. What closed last may be in use a moment longer.
  await eventually(() => heapMiB() - before < 10);
}, 60_000);
