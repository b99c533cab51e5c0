import { createHash } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { serve } from '@onrush/chassis/grpc-server';
import { buyer } from '@onrush/chassis/testing/service';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { userService } from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { judge, tokenExpiry } from '../src/domain/session';
import { errors } from '../src/errors';
import { httpRoutes } from '../src/handlers/http';
import { migrations } from '../src/migrations';

interface LoggedIn {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  user: { id: string; username: string; roles: string[] };
}

const account = { id: '42', username: 'mei', roles: ['user'], permissions: [] as string[], disabled: false };
let isUserServiceAway = false;
const playUsers = serve(userService, {
  VerifyCredentials: {
    allow: ['auth-service'],
    unary: ({ password }) => {
      if (password !== 'right') throw errors.wrongCredentials();
      return Promise.resolve(account);
    },
  },
  GetUser: {
    allow: ['auth-service'],
    unary: () => {
      if (isUserServiceAway) throw errors.unavailable();
      return Promise.resolve(account);
    },
  },
});

let fixture: ServiceFixture<Config>;
beforeAll(async () => {
  fixture = await startServiceFixture<Config>({
    service: 'auth-service',
    label: 'auth',
    createApp,
    migrations,
    errors,
    config: {
      keyEncryptionSecret: Buffer.alloc(32, 7).toString('base64'),
      accessTokenSeconds: 600,
      loginFailureLimit: 3,
    },
    fakes: { 'user-service': playUsers },
  });
}, 60_000);
afterAll(() => fixture.stop());

const logIn = (username = 'mei', password = 'right') =>
  fixture.http.call<LoggedIn>('POST /api/v1/user/login', { body: { username, password } });
const refresh = (token: string) =>
  fixture.http.call<LoggedIn>('POST /api/v1/auth/refresh', { body: { refresh_token: token } });
const keys = async () =>
  (await fixture.http.call('GET /.well-known/jwks.json')).body as unknown as JSONWebKeySet;

test('every route refuses bad requests in the envelope', async () => {
  for (const bad of badRequestsOf(httpRoutes({} as never), fixture.http, buyer(1))) {
    const answer = await bad.send();
    expect({ request: bad.name, problems: problemsWith(answer, bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  }
});

test('a log-in gives an access token that the published keys verify', async () => {
  const { status, body } = await logIn();

  const published = await keys();
  const { payload, protectedHeader } = await jwtVerify(body.data.access_token, createLocalJWKSet(published), {
    issuer: 'onrush',
    audience: 'onrush-api',
    typ: 'at+jwt',
  });
  expect(status).toBe(200);
  expect(payload).toMatchObject({ sub: '42', username: 'mei', roles: ['user'], permissions: [] });
  expect(protectedHeader.alg).toBe('EdDSA');
  expect(JSON.stringify(published)).not.toContain('"d"');
  expect(body.data).toMatchObject({ expires_in: 600, user: { id: '42', username: 'mei' } });
});

test('keys survive a restart, and their private part is sealed', async () => {
  const before = await keys();
  await fixture.restart();

  expect(await keys()).toEqual(before);
  const [row] = await fixture.db.query<{ sealed_private_jwk: string }[]>(
    'SELECT sealed_private_jwk FROM signing_keys',
  );
  expect(row?.sealed_private_jwk).not.toContain('"d"');
  expect(Buffer.from(row?.sealed_private_jwk ?? '', 'base64').toString()).not.toContain('OKP');
});

test('with another secret it does not start, and says which one it needs', async () => {
  const before = await keys();
  const other = { keyEncryptionSecret: Buffer.alloc(32, 8).toString('base64') };

  await expect(fixture.restart(other)).rejects.toThrow(/sealed with another KEY_ENCRYPTION_SECRET/);

  await fixture.restart();
  expect(await keys()).toEqual(before);
});

test('a key of more than 30 days is replaced, and both are published for a while', async () => {
  await fixture.db.query('UPDATE signing_keys SET created_at = ?', [new Date(Date.now() - 31 * 86_400_000)]);
  await fixture.restart();

  expect((await keys()).keys).toHaveLength(2);
});

test('too many wrong passwords make a name wait, whatever comes next', async () => {
  for (let attempt = 0; attempt < 3; attempt += 1)
    expect((await logIn('slow', 'wrong')).body.code).toBe(401201);

  const answer = await logIn('slow');

  expect(answer.status).toBe(429);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await logIn('mei')).status).toBe(200);
});

test('a refresh token rotates; the same one again within ten seconds gets the same successor', async () => {
  const first = (await logIn()).body.data.refresh_token;

  const second = (await refresh(first)).body.data.refresh_token;
  const again = (await refresh(first)).body.data.refresh_token;
  const third = await refresh(second);

  expect(second).not.toBe(first);
  expect(again).toBe(second);
  expect(third.status).toBe(200);
});

test('a used token that comes back later ends the whole session', async () => {
  const first = (await logIn()).body.data.refresh_token;
  const second = (await refresh(first)).body.data.refresh_token;
  await fixture.db.query('UPDATE refresh_tokens SET used_at = ? WHERE used_at IS NOT NULL', [
    new Date(Date.now() - 11_000),
  ]);

  expect((await refresh(first)).body.code).toBe(401202);
  expect((await refresh(second)).body.code).toBe(401202);
});

test('of 20 parallel uses of one token all get the same successor', async () => {
  const first = (await logIn()).body.data.refresh_token;

  const answers = await releaseTogether(20, () => refresh(first));

  const successors = answers.map((answer) =>
    answer.status === 'fulfilled' ? answer.value.body.data?.refresh_token : 'failed',
  );
  expect(new Set(successors).size).toBe(1);
});

test('logging out ends this session, or all of them', async () => {
  const [one, two, three] = [
    (await logIn()).body.data.refresh_token,
    (await logIn()).body.data.refresh_token,
    (await logIn()).body.data.refresh_token,
  ];
  const logOut = (path: string, body: unknown) => fixture.http.call(path, { user: buyer(42), body });

  expect((await logOut('POST /api/v1/user/logout', { refresh_token: one })).status).toBe(200);
  expect((await refresh(one)).status).toBe(401);
  expect((await refresh(two)).status).toBe(200);
  expect((await logOut('POST /api/v1/user/logout?all=true', {})).status).toBe(200);
  expect((await refresh(three)).status).toBe(401);
  expect((await logOut('POST /api/v1/user/logout', {})).status).toBe(400);
});

test('without a refresh token, the session of the access token ends, and no other', async () => {
  const [mine, other] = [(await logIn()).body.data, (await logIn()).body.data];
  const { sid: sessionId } = decodeJwt<{ sid: string }>(mine.access_token);

  const answer = await fixture.http.call('POST /api/v1/user/logout', {
    user: { ...buyer(42), sessionId },
  });

  expect(answer.status).toBe(200);
  expect((await refresh(mine.refresh_token)).status).toBe(401);
  expect((await refresh(other.refresh_token)).status).toBe(200);
});

test('while user-service is away a refresh token stays good', async () => {
  const token = (await logIn()).body.data.refresh_token;
  isUserServiceAway = true;

  expect((await refresh(token)).status).toBe(503);

  isUserServiceAway = false;
  const [row] = await fixture.db.query<{ unused: string }[]>(
    'SELECT COUNT(*) AS unused FROM refresh_tokens WHERE used_at IS NULL AND token_hash = ?',
    [createHash('sha256').update(token).digest('hex')],
  );
  expect(Number(row?.unused)).toBe(1);
  expect((await refresh(token)).status).toBe(200);
});

test('another user cannot end a session by its token', async () => {
  const token = (await logIn()).body.data.refresh_token;

  await fixture.http.call('POST /api/v1/user/logout', { user: buyer(43), body: { refresh_token: token } });

  expect((await refresh(token)).status).toBe(200);
});

test('a user who is disabled cannot refresh', async () => {
  const token = (await logIn()).body.data.refresh_token;

  account.disabled = true;
  const answer = await refresh(token);
  account.disabled = false;

  expect(answer.body.code).toBe(401202);
});

test('unknown and malformed refresh tokens are refused', async () => {
  expect((await refresh('A'.repeat(43))).status).toBe(401);
  expect((await refresh('short')).status).toBe(400);
});

test('a refresh token ends after a week unused, and with its session', () => {
  const now = new Date('2027-01-01T00:00:00Z');
  const far = new Date('2027-02-01T00:00:00Z');
  const token = {
    sessionId: '1',
    userId: '1',
    expiresAt: far,
    usedAt: null,
    sessionExpiresAt: far,
    revokedAt: null,
  };

  expect(tokenExpiry(far, now)).toEqual(new Date('2027-01-08T00:00:00Z'));
  expect(tokenExpiry(new Date('2027-01-02T00:00:00Z'), now)).toEqual(new Date('2027-01-02T00:00:00Z'));
  expect(judge(token, now)).toBe('fresh');
  expect(judge({ ...token, expiresAt: now }, now)).toBe('invalid');
  expect(judge({ ...token, sessionExpiresAt: now }, now)).toBe('invalid');
  expect(judge({ ...token, revokedAt: now }, now)).toBe('invalid');
  expect(judge(undefined, now)).toBe('invalid');
});
