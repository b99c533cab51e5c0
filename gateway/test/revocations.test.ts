import { recordingLogger, silentLogger } from '@onrush/chassis/testing/logger';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { eventually } from '@onrush/chassis/testing/wait';
import { createRevocations } from '../src/identity/revocations';
import { gatewayTo, playAuth, type PlayedAuth } from './played-auth';

const tokens = createTestTokens();
const stoppers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function startAuth(): Promise<PlayedAuth> {
  const auth = await playAuth(tokens);
  stoppers.push(auth.stop);
  return auth;
}

type Options = Partial<Parameters<typeof createRevocations>[0]>;
function revocationsFrom(auths: PlayedAuth[], options: Options = {}) {
  const { client, discovery, metrics } = gatewayTo(
    auths.map(({ instance }) => instance),
    tokens,
  );
  const revocations = createRevocations({ client, discovery, metrics, logger: silentLogger, ...options });
  stoppers.push(client.stop, revocations.stop);
  const gauge = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { ...revocations, gauge };
}

test('what auth-service knows is known after the start, what it tells later at once', async () => {
  const auth = await startAuth();
  auth.revoked.set('1', Date.now() + 60_000);
  const revocations = revocationsFrom([auth]);
  await revocations.start();
  const atStart = [revocations.isRevoked('1'), revocations.isRevoked('2'), revocations.isRevoked(undefined)];

  auth.revoke('2');

  await eventually(() => revocations.isRevoked('2'), { timeoutMs: 1_000 });
  expect(atStart).toEqual([true, false, false]);
  expect(await revocations.gauge('gateway_revocations_connected')).toBe(1);
  expect(await revocations.gauge('gateway_revoked_sessions')).toBe(2);
});

test('a restarted gateway knows again', async () => {
  const auth = await startAuth();
  const before = revocationsFrom([auth]);
  await before.start();
  auth.revoke('1');
  await eventually(() => before.isRevoked('1'));
  await before.stop();

  const after = revocationsFrom([auth]);
  await after.start();

  expect(after.isRevoked('1')).toBe(true);
});

test('while the stream is broken the known ones stay; what was missed comes with the next', async () => {
  const auth = await startAuth();
  const { logger, lines } = recordingLogger();
  const revocations = revocationsFrom([auth], { logger });
  await revocations.start();
  auth.revoke('1');
  await eventually(() => revocations.isRevoked('1'));

  auth.isSilent = true;
  auth.breakStreams();
  await eventually(async () => (await revocations.gauge('gateway_revocations_connected')) === 0);
  await eventually(() => auth.streams.size === 1);
  auth.breakStreams();
  auth.revoked.set('2', Date.now() + 60_000);
  const meanwhile = [revocations.isRevoked('1'), revocations.isRevoked('2')];
  auth.isSilent = false;

  await eventually(async () => (await revocations.gauge('gateway_revocations_connected')) === 1);
  expect(meanwhile).toEqual([true, false]);
  expect([revocations.isRevoked('1'), revocations.isRevoked('2')]).toEqual([true, true]);
  expect(lines.map(({ msg }) => msg)).toEqual(['feed of auth-service lost', 'feed of auth-service is back']);
});

test('an instance that dies or falls silent is left for another', async () => {
  const [one, two] = [await startAuth(), await startAuth()];
  const auths = [one, two];
  const revocations = revocationsFrom(auths, { silenceLimitMs: 200 });
  const beating = setInterval(() => auths.forEach((auth) => !auth.isSilent && auth.heartbeat()), 50);
  stoppers.push(() => Promise.resolve(clearInterval(beating)));
  await revocations.start();
  const [used = one, other = two] = one.streams.size > 0 ? [one, two] : [two, one];

  used.isSilent = true;
  await eventually(() => other.streams.size === 1 && used.streams.size === 0);
  other.revoke('1');
  await eventually(() => revocations.isRevoked('1'));
  used.isSilent = false;
  await other.stop();

  await eventually(() => used.streams.size === 1);
  used.revoke('2');
  await eventually(() => revocations.isRevoked('2'));
});

test('a session is forgotten when none of its tokens can be good', async () => {
  const auth = await startAuth();
  let nowMs = Date.now();
  const revocations = revocationsFrom([auth], { now: () => nowMs });
  auth.revoked.set('1', nowMs + 60_000);
  auth.revoked.set('2', nowMs + 120_000);
  await revocations.start();

  nowMs += 60_000;
  const after = [revocations.isRevoked('1'), revocations.isRevoked('2')];
  auth.heartbeat();

  await eventually(async () => (await revocations.gauge('gateway_revoked_sessions')) === 1);
  expect(after).toEqual([false, true]);
});

test('beyond its limit it forgets the oldest', async () => {
  const auth = await startAuth();
  const revocations = revocationsFrom([auth], { limit: 2 });
  for (const [index, id] of ['1', '2', '3'].entries()) auth.revoked.set(id, Date.now() + 60_000 + index);

  await revocations.start();

  expect(['1', '2', '3'].map((id) => revocations.isRevoked(id))).toEqual([false, true, true]);
});

test('without a complete snapshot it does not start', async () => {
  const auth = await startAuth();
  auth.isSilent = true;
  const incomplete = revocationsFrom([auth], { startLimitMs: 500 });
  const nobody = revocationsFrom([], { startLimitMs: 100 });

  const starting = incomplete.start();
  await eventually(() => auth.streams.size === 1);
  auth.revoke('1');
  auth.heartbeat();

  await expect(starting).rejects.toThrow(/has not told its revocations within 500 ms/);
  expect(incomplete.isRevoked('1')).toBe(true);
  await expect(nobody.start()).rejects.toThrow(/no instance of auth-service/);
});

test('a stop during the start ends it, and leaves no stream', async () => {
  const auth = await startAuth();
  auth.isSilent = true;
  const revocations = revocationsFrom([auth]);
  const starting = revocations.start();
  starting.catch(() => undefined);
  await eventually(() => auth.streams.size === 1);

  await revocations.stop();

  await expect(starting).rejects.toThrow(/was stopped/);
  await eventually(() => auth.streams.size === 0);
});
