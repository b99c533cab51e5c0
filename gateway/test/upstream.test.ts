import type { ServerResponse } from 'node:http';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { createUpstreamFixture, newClient, type UpstreamFixture } from './upstream-fixture';

let fixture: UpstreamFixture;
beforeEach(async () => void (fixture = await createUpstreamFixture()));
afterEach(() => fixture.stop());

const answersOk = (text = 'fine') => fixture.backend((_request, response) => void response.end(text));
/** Reads the whole request, and dies. */
const diesAfterReading = () =>
  fixture.backend((request) => void request.resume().once('end', () => request.socket.destroy()));
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a refused connection leads to another instance, whatever the method', async () => {
  const good = await answersOk();
  const gone = await fixture.nobody();
  const path = '/orders';
  fixture.known(gone, good.instance);

  const answers = await Promise.all(
    Array.from({ length: 20 }, () => fixture.forward({ method: 'POST', path, body: Buffer.from('{}') })),
  );

  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(good.seen).toHaveLength(20);
});

test('nothing is lost when one of two instances is killed under 500 requests', async () => {
  const dying = await fixture.backend((_request, response) => {
    if (dying.seen.length === 5) dying.kill();
    else setImmediate(() => response.end('fine'));
  });
  const good = await answersOk();
  // The traffic before, a tenth of which may be retried.
  fixture.known(good.instance);
  for (let call = 0; call < 40; call += 1)
    await Promise.all(Array.from({ length: 100 }, async () => (await fixture.forward()).collect(100)));
  fixture.known(dying.instance, good.instance);

  const results = await releaseTogether(500, async () => (await fixture.forward()).status);

  expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  const retries = await fixture.metric('gateway_upstream_retries_total');
  for (let call = 0; call < 100; call += 1) await (await fixture.forward()).collect(100);
  expect(retries).toBeGreaterThan(0);
  expect((await fixture.metric('gateway_upstream_retries_total')) - retries).toBeLessThan(5);
});

test('a call that was sent and may not be repeated is carried out once, and its end is unknown: 504', async () => {
  const [first, second] = [await diesAfterReading(), await diesAfterReading()];
  fixture.known(first.instance, second.instance);

  const failure = await failureOf(fixture.forward({ method: 'POST', body: Buffer.from('{"pay":1}') }));

  expect(failure).toMatchObject({ httpStatus: 504, reason: 'DEADLINE_EXCEEDED' });
  expect(first.seen.length + second.seen.length).toBe(1);
});

test('an idempotent call is tried three times at most, and then is a 503 to come back to', async () => {
  const backends = await Promise.all([1, 2, 3, 4].map(diesAfterReading));
  fixture.known(...backends.map(({ instance }) => instance));

  const failure = await failureOf(fixture.forward());

  expect(failure).toMatchObject({ httpStatus: 503, reason: 'UPSTREAM_FAILED', retryAfterSeconds: 1 });
  expect(backends.map(({ seen }) => seen.length).sort()).toEqual([0, 1, 1, 1]);
  expect(await fixture.metric('gateway_upstream_retries_total')).toBe(2);
});

test('an instance that leaves with 503 is replaced for an idempotent call, one that says when to come back is not', async () => {
  const leaving = await fixture.backend((_request, response) => void response.writeHead(503).end('leaving'));
  const busy = await fixture.backend(
    (_request, response) => void response.writeHead(503, { 'retry-after': '7' }).end('busy'),
  );
  const good = await answersOk();

  fixture.known(leaving.instance, good.instance);
  const idempotent = await Promise.all(Array.from({ length: 10 }, () => fixture.forward()));
  fixture.known(leaving.instance);
  const alone = await fixture.forward();
  const text = (await alone.collect(100)).toString();
  fixture.known(busy.instance, good.instance);
  const pushedBack = await fixture.forward({ preference: [({ id }) => id === busy.instance.id] });

  expect(idempotent.every(({ status }) => status === 200)).toBe(true);
  expect([alone.status, text]).toEqual([503, 'leaving']);
  expect(pushedBack.status).toBe(503);
  expect(busy.seen).toHaveLength(1);
});

test('no instance is a 503 at once', async () => {
  fixture.known();

  const failure = await failureOf(fixture.forward());

  expect(failure).toMatchObject({ httpStatus: 503, retryAfterSeconds: 1 });
});

test('the deadline holds over all attempts, is passed on, and ends the request upstream', async () => {
  const closed: string[] = [];
  const hangs = await fixture.backend((_request, response) => {
    response.once('close', () => closed.push('closed'));
  });
  fixture.known(hangs.instance);

  const failure = await failureOf(fixture.forward({ timeoutMs: 200 }));

  expect(failure).toMatchObject({ httpStatus: 504, reason: 'DEADLINE_EXCEEDED' });
  expect(hangs.seen).toHaveLength(1);
  const passedOn = Number(hangs.seen[0]?.headers['x-deadline-ms']);
  expect(passedOn).toBeGreaterThan(100);
  expect(passedOn).toBeLessThanOrEqual(200);
  await eventually(() => closed.length === 1);
});

test('what gave up while it waited for a connection is never sent', async () => {
  const hanging: ServerResponse[] = [];
  const backend = await fixture.backend((_request, response) => void hanging.push(response));
  fixture.known(backend.instance);
  const held = Array.from({ length: 128 }, () => fixture.forward());
  await eventually(() => hanging.length === 128);

  const failure = await failureOf(fixture.forward({ path: '/late', timeoutMs: 100 }));
  for (const response of hanging.splice(0)) response.end();
  await Promise.all(held);
  const next = fixture.forward({ path: '/next' });
  await eventually(() => hanging.length > 0);
  for (const response of hanging) response.end();
  await next;

  expect(failure).toMatchObject({ httpStatus: 504 });
  expect(backend.seen.map(({ url }) => url).filter((url) => url !== '/')).toEqual(['/next']);
});

test('a second attempt is told only what is left', async () => {
  const dies = await fixture.backend((request) => void setTimeout(() => request.socket.destroy(), 60));
  const good = await answersOk();
  fixture.known(dies.instance);

  const pending = fixture.forward({ timeoutMs: 2_000, preference: [({ id }) => id === dies.instance.id] });
  fixture.known(dies.instance, good.instance);
  const answer = await pending;

  expect(answer.instance).toEqual(good.instance);
  expect(Number(good.seen[0]?.headers['x-deadline-ms'])).toBeLessThan(1_945);
});

test('a client that went away ends the request upstream', async () => {
  const closed: string[] = [];
  const hangs = await fixture.backend((_request, response) => {
    response.once('close', () => closed.push('closed'));
  });
  fixture.known(hangs.instance);
  const client = newClient();

  const pending = failureOf(fixture.forward({ client }));
  await eventually(() => hangs.seen.length === 1);
  client.leave();

  expect(await pending).toMatchObject({ httpStatus: 503 });
  await eventually(() => closed.length === 1);
  const late = await failureOf(fixture.forward({ client }));
  expect(late).toMatchObject({ httpStatus: 503 });
  expect(hangs.seen).toHaveLength(1);
});

test('a client that went away before its call asks nobody', async () => {
  const { instance, seen } = await answersOk();
  fixture.known(instance);
  const client = newClient();
  client.leave();

  const failure = await failureOf(fixture.forward({ client }));

  expect(failure).toMatchObject({ httpStatus: 503 });
  expect(seen).toEqual([]);
});

test('the breaker opens in an outage, refuses without a call, and closes after a probe', async () => {
  let works = false;
  const backend = await fixture.backend((_request, response) => {
    response.writeHead(works ? 200 : 500).end();
  });
  fixture.known(backend.instance);
  for (let call = 0; call < 20; call += 1) await fixture.forward();

  const refused = await failureOf(fixture.forward());
  works = true;
  const answer = await eventually(() => fixture.forward(), { everyMs: 100 });

  expect(refused).toMatchObject({
    httpStatus: 503,
    retryAfterSeconds: 2,
    meta: { why: 'circuit breaker open' },
  });
  expect(backend.seen).toHaveLength(21);
  expect(answer.status).toBe(200);
  expect(fixture.lines.map(({ msg }) => msg)).toEqual(['circuit breaker opened', 'circuit breaker closed']);
});

test('in an outage the budget bounds the retries', async () => {
  const backends = await Promise.all([1, 2, 3].map(diesAfterReading));
  fixture.known(...backends.map(({ instance }) => instance));

  await Promise.all(Array.from({ length: 200 }, () => failureOf(fixture.forward())));

  const executed = backends.reduce((sum, { seen }) => sum + seen.length, 0);
  expect(executed).toBeLessThanOrEqual(200 * 1.1 + 10);
});

test('what belongs to one connection stays there, and repeated headers stay repeated', async () => {
  const backend = await fixture.backend((_request, response) => {
    response.writeHead(200, {
      connection: 'keep-alive, x-private',
      'x-private': '1',
      'proxy-authenticate': 'Basic',
      trailer: 'x-sum',
      'set-cookie': ['a=1', 'b=2'],
      'x-kept': 'yes',
      'transfer-encoding': 'chunked',
    });
    response.end('fine');
  });
  fixture.known(backend.instance);

  const { headers } = await fixture.forward({ headers: ['x-request-id', 'r1', 'host', 'shop.example'] });

  const names = headers.filter((_value, index) => index % 2 === 0);
  expect(names.sort()).toEqual(['date', 'set-cookie', 'set-cookie', 'x-kept']);
  expect(headers).toEqual(expect.arrayContaining(['a=1', 'b=2', 'yes']));
  expect(backend.seen[0]?.headers).toMatchObject({ 'x-request-id': 'r1', host: 'shop.example' });
});

test('a request that cannot be sent is a bug of ours: no retry, nothing held against the instance', async () => {
  const good = await answersOk();
  fixture.known(good.instance);

  const failure = await failureOf(fixture.forward({ headers: ['transfer-encoding', 'chunked'] }));
  const answer = await fixture.forward();

  expect(failure).toMatchObject({ httpStatus: 500 });
  expect(answer.status).toBe(200);
  expect(await fixture.metric('gateway_upstream_retries_total')).toBe(0);
});

test('connections to an instance that discovery drops are closed, and those in use are answered first', async () => {
  const closed: string[] = [];
  let release = () => undefined as void;
  const backend = await fixture.backend((request, response) => {
    request.socket.once('close', () => closed.push('closed'));
    release = () => void response.end('late');
  });
  fixture.known(backend.instance);
  const pending = fixture.forward();
  await eventually(() => backend.seen.length === 1);

  fixture.known();
  release();
  const text = (await (await pending).collect(100)).toString();

  expect(text).toBe('late');
  await eventually(() => closed.length === 1);
});

test('answers and their times are measured by version', async () => {
  const good = await answersOk();
  fixture.known(good.instance);

  await fixture.forward();

  const labels = 'upstream="shop",version="1.0.0"';
  expect(await fixture.metric(`gateway_upstream_answers_total{${labels},code="200"`)).toBe(1);
  expect(await fixture.metric(`gateway_upstream_duration_seconds_count{`)).toBe(1);
});
