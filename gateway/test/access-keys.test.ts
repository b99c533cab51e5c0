import { generateKeyPairSync } from 'node:crypto';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { eventually } from '@onrush/chassis/testing/wait';
import { createSigningKey, playAuth, type PlayedAuth, type SigningKey } from './played-auth';
import { startAuthenticator, type AuthenticatorOptions } from './start-authenticator';

const tokens = createTestTokens();
const stoppers: (() => Promise<void>)[] = [];
let auth: PlayedAuth;
let key: SigningKey;
beforeEach(async () => {
  auth = await playAuth(tokens);
  key = await createSigningKey('k1');
  auth.published = [key.publicJwk];
  stoppers.push(auth.stop);
});
afterEach(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function start(options: Partial<AuthenticatorOptions> = {}) {
  const started = await startAuthenticator({ auths: [auth], tokens, ...options });
  stoppers.push(started.stop);
  return started;
}

test('a flood of unknown keys asks auth-service once, at most every 30 s', async () => {
  let nowMs = Date.now();
  const { ask } = await start({ now: () => nowMs });
  const atStart = auth.fetches;
  const unknown = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => (await createSigningKey(`other-${index}`)).sign()),
  );

  const answers = await releaseTogether(100, (index) => ask(unknown[index] ?? ''));
  for (const token of unknown.slice(0, 10)) await ask(token);
  const afterFlood = auth.fetches - atStart;
  nowMs += 30_000;
  for (const token of unknown.slice(0, 10)) await ask(token);

  expect(answers.every((answer) => answer.status === 'fulfilled' && answer.value === 401001)).toBe(true);
  expect(afterFlood).toBe(1);
  expect(auth.fetches - atStart).toBe(2);
});

test('a token of a new key is good at once, although the keys have just been fetched', async () => {
  const { ask } = await start();
  const next = await createSigningKey('k2');
  auth.published = [next.publicJwk, key.publicJwk];

  expect(await ask(await next.sign())).toBe('42');
  expect(await ask(await key.sign())).toBe('42');
});

test('a new key becomes known while a flood has used up the asking', async () => {
  const { ask } = await start({ refreshMs: 20 });
  await ask(await (await createSigningKey('evil')).sign());
  const next = await createSigningKey('k2');
  const token = await next.sign();

  auth.published = [next.publicJwk, key.publicJwk];

  await eventually(async () => (await ask(token)) === '42');
});

test('when a key is gone, so is all that it signed, cached or not', async () => {
  const { ask } = await start({ refreshMs: 20 });
  const [stays, goes] = [await createSigningKey('k2'), key];
  auth.published = [stays.publicJwk, goes.publicJwk];
  const [good, cached, fresh] = [await stays.sign(), await goes.sign(), await goes.sign({ jti: 'x' })];
  const before = [await ask(good), await ask(cached)];

  auth.published = [stays.publicJwk];

  await eventually(async () => (await ask(cached)) === 401001);
  expect(before).toEqual(['42', '42']);
  expect(await ask(fresh)).toBe(401001);
  expect(await ask(good)).toBe('42');
});

test('another key of the same id ends what the first one signed', async () => {
  const { ask } = await start({ refreshMs: 20 });
  const token = await key.sign();
  const before = await ask(token);
  const other = await createSigningKey('k1');

  auth.published = [other.publicJwk];

  await eventually(async () => (await ask(token)) === 401001);
  expect(before).toBe('42');
  expect(await ask(await other.sign())).toBe('42');
});

test('the last good keys stay while auth-service is gone or answers nonsense, and that is said once', async () => {
  const { ask, lines } = await start({ refreshMs: 10 });
  const token = await key.sign();

  auth.jwksStatus = 500;
  await eventually(() => lines.length === 1);
  auth.jwksStatus = 200;
  auth.published = [{ kty: 'RSA', kid: 'k1' }];
  const fetches = auth.fetches;
  await eventually(() => auth.fetches > fetches + 3);
  const meanwhile = await ask(token);
  auth.published = [key.publicJwk];
  await eventually(() => lines.length === 2);

  expect(meanwhile).toBe('42');
  expect(lines.map(({ msg }) => msg)).toEqual([
    'keys of auth-service not fetched',
    'keys of auth-service fetched again',
  ]);
});

test('another instance is asked when one fails', async () => {
  const broken = await playAuth(tokens);
  stoppers.push(broken.stop);
  broken.jwksStatus = 500;
  let nowMs = Date.now();
  const { ask } = await start({ auths: [auth, broken], now: () => nowMs });

  const answers: unknown[] = [];
  for (let round = 0; round < 12; round += 1) {
    const next = await createSigningKey(`round-${round}`);
    auth.published = [next.publicJwk];
    nowMs += 30_000;
    answers.push(await ask(await next.sign({ exp: Math.floor(nowMs / 1_000) + 60 })));
  }

  expect(answers).toEqual(answers.map(() => '42'));
  expect(broken.fetches).toBeGreaterThan(0);
});

test('of 50 at once with a new key all are good, for one question', async () => {
  const { ask } = await start();
  const before = auth.fetches;
  const next = await createSigningKey('k2');
  auth.published = [next.publicJwk, key.publicJwk];
  const fresh = await Promise.all(Array.from({ length: 50 }, (_, index) => next.sign({ jti: `${index}` })));

  const answers = await releaseTogether(50, (index) => ask(fresh[index] ?? ''));

  expect(answers.every((answer) => answer.status === 'fulfilled' && answer.value === '42')).toBe(true);
  expect(auth.fetches - before).toBe(1);
});

test('keys of other kinds are passed over', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  auth.published = [{ ...rsa, kid: 'k0' }, { kty: 'oct', k: 'AAAA', kid: 'k3' }, key.publicJwk];

  const { ask } = await start();

  expect(await ask(await key.sign())).toBe('42');
});
