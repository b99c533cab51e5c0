import { freePort } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createBuy } from '../src/ends/buy';
import type { Exchange } from '../src/exchange';
import { startFixture, type Fixture } from './fixture';
import { playSeckill, type FakeSeckill } from './played-seckill';

let fixture: Fixture;
/** Two of the stable version, and a canary. */
let played: Record<'first' | 'second' | 'canary', FakeSeckill>;
beforeAll(async () => {
  const [first, second, canary] = [await freePort(), await freePort(), await freePort()];
  const at = (grpc_port: number, version: string) => ({
    address: '127.0.0.1',
    http_port: 1,
    grpc_port,
    version,
    canary: version === '2.0.0',
  });
  const rollback = { error_rate: 0.05, window_seconds: 10, min_requests: 20 };
  const seckill = { header: 'staff' as const, users: ['7'], percent: 0, weight: 0, rollback };
  fixture = await startFixture(
    'buyinstances',
    { canaries: { 'seckill-service': seckill } },
    { 'seckill-service': [at(first, '1.0.0'), at(second, '1.0.0'), at(canary, '2.0.0')] },
  );
  played = {
    first: await playSeckill(fixture.tokens, first),
    second: await playSeckill(fixture.tokens, second),
    canary: await playSeckill(fixture.tokens, canary),
  };
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  for (const { server } of Object.values(played)) await server.stop();
});

let nextUser = 100;
const newUser = () => String((nextUser += 1));
/** Of another user each time, unless said: one may not buy often. */
async function buy(sub = newUser(), headers: Record<string, string> = {}, permissions: string[] = []) {
  const token = await fixture.accessToken({ sub, permissions });
  return fixture.call('POST /api/v1/seckill/activities/77/buy', { token, body: {}, headers });
}
const versionOf = async (answer: ReturnType<typeof buy>) => (await answer).headers.get('x-served-version');
const askedOf = ({ batches }: FakeSeckill) => batches.flat().length;
const metric = async (line: RegExp) => Number(line.exec(await fixture.metrics.registry.metrics())?.[1] ?? 0);

test('a buyer of the canary’s cohort buys at the canary, everybody else at the stable version', async () => {
  const staff = () => buy(undefined, { 'x-canary': 'true' }, ['gateway.canary']);
  await eventually(async () => (await versionOf(staff())) === '2.0.0');
  await eventually(async () => (await versionOf(buy())) === '1.0.0');
  const canaryAsked = askedOf(played.canary);

  const theirs = await buy('7');
  const others = await Promise.all(Array.from({ length: 20 }, () => versionOf(buy())));
  const outsider = await versionOf(buy(undefined, { 'x-canary': 'true' }));

  expect(theirs.status).toBe(202);
  expect(theirs.headers.get('x-served-version')).toBe('2.0.0');
  expect(new Set([...others, outsider])).toEqual(new Set(['1.0.0']));
  expect(askedOf(played.canary)).toBe(canaryAsked + 1);
  expect(await metric(/gateway_buy_requests_total{version="2.0.0"[^}]*} (\d+)/)).toBe(canaryAsked + 1);
  expect(await metric(/gateway_buy_requests_total{version="1.0.0"[^}]*} (\d+)/)).toBe(
    askedOf(played.first) + askedOf(played.second),
  );
  const ofCanary = /{upstream="seckill-service",version="2.0.0",code="202"[^}]*} (\d+)/.source;
  expect(await metric(new RegExp(`gateway_upstream_answers_total${ofCanary}`))).toBe(canaryAsked + 1);
  expect(
    await metric(
      /gateway_upstream_duration_seconds_count{[^}]*upstream="seckill-service",version="2.0.0"[^}]*} (\d+)/,
    ),
  ).toBeGreaterThan(0);
});

test('the span of a purchase will tell the version that answered', async () => {
  const exchange = {
    request: { headers: {} },
    response: { destroyed: true },
    user: { id: '7' },
    id: '77',
    headers: [],
    isReady: () => true,
  } as unknown as Exchange;
  const end = createBuy({
    canary: { preferenceOf: () => [] },
    streams: {
      submit: (_request: object, _rules: object, answer: (reply: object, version: string) => void) =>
        answer({ orderNo: '1', reservationId: '2' }, '2.0.0'),
    } as never,
  });

  await end(exchange, { timeoutMs: 1, bodyLimitBytes: 1 } as never, undefined);

  expect(exchange.servedVersion).toBe('2.0.0');
});

test('an instance that takes purchases and answers none hurts a handful', async () => {
  await eventually(async () => (await versionOf(buy())) === '1.0.0');
  played.first.decide = () => undefined;
  const before = askedOf(played.first);

  const statuses: number[] = [];
  for (let turn = 0; turn < 12; turn += 1) statuses.push((await buy()).status);

  const isAnswered = (status: number) => status === 202;
  expect(statuses.filter((status) => status === 504).length).toBeLessThanOrEqual(5);
  expect(statuses.filter(isAnswered).length).toBeGreaterThanOrEqual(7);
  expect(askedOf(played.first) - before).toBeLessThanOrEqual(5);
  const without = statuses.filter((status) => status === 504).length;
  expect(await metric(/gateway_upstream_answers_total{[^}]*version="1.0.0",code="none"[^}]*} (\d+)/)).toBe(
    without,
  );
  played.first.decide = () => ({ orderNo: '1', reservationId: '2' });
  const silent = askedOf(played.first);
  await eventually(async () => (await buy()).status === 202 && askedOf(played.first) > silent + 2);
});

test('a canary that fails purchases is rolled back by what came of them', async () => {
  await eventually(async () => (await versionOf(buy('7'))) === '2.0.0');
  const refusal = { code: 500400, reason: 'INTERNAL', message: 'internal error', retryAfterSeconds: 0 };
  played.canary.decide = () => ({ refusal });
  const before = askedOf(played.canary);

  await eventually(async () => (await buy('7')).status === 202);

  const hurt = askedOf(played.canary);
  expect(hurt - before).toBeLessThan(20);
  for (let turn = 0; turn < 5; turn += 1) expect(await versionOf(buy('7'))).toBe('1.0.0');
  expect(askedOf(played.canary)).toBe(hurt);
  expect(await metric(/gateway_canary_rolled_back{upstream="seckill-service"[^}]*} (\d)/)).toBe(1);
});
