import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
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

test('a good token is its user, the second time without a promise', async () => {
  const { authenticate } = await start();
  const header = `Bearer ${await key.sign({ permissions: ['order.*'] })}`;

  const first = await authenticate(header);
  const second = authenticate(header);

  expect(first).toEqual({
    id: '42',
    username: 'mei',
    roles: ['user'],
    permissions: ['order.*'],
    sessionId: '7',
  });
  expect(second).toBe(first);
  expect(authenticate(undefined)).toBeUndefined();
});

describe('revocation', () => {
  test('a cached token is refused within a second of the end of its session, and so is a new one', async () => {
    const { ask, refused } = await start();
    const [cached, other] = [await key.sign(), await key.sign({ sid: '8' })];
    const before = [await ask(cached), await ask(other)];

    auth.revoke('7');

    await eventually(async () => (await ask(cached)) === 401001, { timeoutMs: 1_000 });
    expect(before).toEqual(['42', '42']);
    expect(await ask(await key.sign({ jti: 'another' }))).toBe(401001);
    expect(await ask(other)).toBe('42');
    expect(await refused('revoked')).toBeGreaterThan(1);
  });

  test('it is refused also after a restart of the gateway, and while auth-service is gone', async () => {
    const token = await key.sign();
    const first = await start();
    await first.ask(token);
    auth.revoke('7');
    await eventually(async () => (await first.ask(token)) === 401001);

    const second = await start();
    const afterRestart = await second.ask(token);
    await auth.stop();

    expect(afterRestart).toBe(401001);
    expect(await second.ask(token)).toBe(401001);
  });
});

describe('refused', () => {
  const seconds = () => Math.floor(Date.now() / 1000);
  test.each<[string, () => object, object]>([
    ['an expired token', () => ({ exp: seconds() - 6 }), {}],
    ['a token not good yet', () => ({ nbf: seconds() + 10 }), {}],
    ['a token that lives for ever', () => ({ exp: 1e20 }), {}],
    ['a token that lives too long', () => ({ exp: seconds() + 700 }), {}],
    ['an expiry as text', () => ({ exp: String(seconds() + 60) }), {}],
    ['an expiry with a fraction', () => ({ exp: seconds() + 60.5 }), {}],
    ['a token without expiry', () => ({ exp: undefined }), {}],
    ['a token without issuer', () => ({ iss: undefined }), {}],
    ['a token without audience', () => ({ aud: undefined }), {}],
    ['a token of another issuer', () => ({ iss: 'evil' }), {}],
    ['a token for another audience', () => ({ aud: 'evil' }), {}],
    ['a token without an id', () => ({ jti: undefined }), {}],
    ['a token without a user', () => ({ sub: '' }), {}],
    ['a token whose user is no number', () => ({ sub: '1 OR 1=1' }), {}],
    ['a token of another type', () => ({}), { typ: 'onrush-internal+jwt' }],
    ['a token without a type', () => ({}), { typ: undefined }],
    ['b64 without crit', () => ({}), { b64: true }],
    ['a jku', () => ({}), { jku: 'http://127.0.0.1:1/keys' }],
    ['an x5u', () => ({}), { x5u: 'http://127.0.0.1:1/chain' }],
    ['a jwk', () => ({}), { jwk: { kty: 'OKP' } }],
    ['a kid of 10 KB', () => ({}), { kid: 'k'.repeat(2_000) }],
    ['a kid that is a path', () => ({}), { kid: '../../etc/passwd' }],
    ['a kid that is SQL', () => ({}), { kid: "k1' OR '1'='1" }],
    ['a kid that every object has', () => ({}), { kid: '__proto__' }],
    ['a kid that is a number', () => ({}), { kid: 1 }],
    ['no kid', () => ({}), { kid: undefined }],
  ])('%s', async (_name, claims, header) => {
    const { ask } = await start();

    expect(await ask(await key.sign(claims() as never, header as never))).toBe(401001);
  });

  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forge = (header: object, signature: (signed: string) => string) => {
    const claims = {
      iss: 'onrush',
      aud: 'onrush-api',
      sub: '1',
      jti: 'j',
      iat: seconds(),
      exp: seconds() + 60,
    };
    const full = { ...claims, username: 'x', roles: [], permissions: ['*'] };
    const signed = `${part({ typ: 'at+jwt', kid: 'k1', ...header })}.${part(full)}`;
    return `${signed}.${signature(signed)}`;
  };

  test('no signature, an HMAC with our public key, another key, another algorithm', async () => {
    const { ask, refused } = await start();
    const { privateKey: foreign } = await createSigningKey('k1');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const hmac = (signed: string) =>
      createHmac('sha256', String(key.publicJwk.x)).update(signed).digest('base64url');
    const good = await key.sign();
    const [head, , signature] = good.split('.');
    const forged = [
      forge({ alg: 'none' }, () => ''),
      forge({ alg: 'none' }, () => 'AAAA'),
      forge({ alg: 'HS256' }, hmac),
      forge({ alg: 'EdDSA' }, hmac),
      forge({ alg: 'EdDSA', crit: ['b64'], b64: false }, () => 'AAAA'),
      `${head}.${part({ sub: '1' })}.${signature}`,
      await new SignJWT({ sub: '1' })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })
        .sign(foreign),
      await new SignJWT({ sub: '1' })
        .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'k1' })
        .sign(rsa),
    ];

    const answers: unknown[] = [];
    for (const token of forged) answers.push(await ask(token));

    expect(answers).toEqual(forged.map(() => 401001));
    expect(await refused('header')).toBe(4);
  });

  test.each(['x', 'a.b', 'a.b.c', 'a.b.c.d', '', ' a.b.c', 'y'.repeat(5_000), 'é.é.é'])(
    '%.10p',
    async (text) => {
      const { ask } = await start();

      expect(await ask(text)).toBe(401001);
    },
  );

  test('another scheme', async () => {
    const { authenticate } = await start();

    await expect(authenticate('Basic dXNlcjpwYXNz')).rejects.toMatchObject({ code: 401001 });
  });
});

describe('time', () => {
  test('a cached token ends when it expires', async () => {
    let nowMs = Date.now();
    const { ask } = await start({ now: () => nowMs });
    const token = await key.sign({ exp: Math.floor(nowMs / 1000) + 60 });
    const before = await ask(token);

    nowMs += 66_000;

    expect(before).toBe('42');
    expect(await ask(token)).toBe(401001);
  });

  test('clocks may differ by five seconds', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const { ask } = await start({ now: () => seconds * 1_000 });

    expect(await ask(await key.sign({ nbf: seconds + 5 }))).toBe('42');
    expect(await ask(await key.sign({ exp: seconds - 4 }))).toBe('42');
  });

  test('the oldest tokens leave a full cache', async () => {
    const { authenticate } = await start({ cacheLimit: 2 });
    const headers = await Promise.all(
      ['1', '2', '3'].map(async (sub) => `Bearer ${await key.sign({ sub })}`),
    );
    for (const header of headers) await authenticate(header);

    const isCached = headers.map((header) => !(authenticate(header) instanceof Promise));

    expect(isCached).toEqual([false, true, true]);
  });
});
