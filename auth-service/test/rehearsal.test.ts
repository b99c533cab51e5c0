import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import { admin, buyer } from '@onrush/chassis/testing/service';
import type { ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { isOfRehearsal } from '@onrush/proto';
import type { Config } from '../src/config';
import { startAuthService } from './fixture';

interface Granted {
  users: { id: string; access_token: string }[];
  expires_in: number;
}

let fixture: ServiceFixture<Config>;
beforeAll(async () => {
  fixture = await startAuthService('rehearsal');
}, 60_000);
afterAll(() => fixture.stop());

const ask = (body: unknown, user = admin) =>
  fixture.http.call<Granted>('POST /api/v1/admin/rehearsal/users', { user, body });
const rows = <T>(sql: string) => fixture.db.query<T[]>(sql);

test('synthetic users have numbers of rehearsals, tokens without any permission, and nothing that lasts', async () => {
  const { status, body } = await ask({ users: 3, reason: 'tomorrow at ten' });
  const { users, expires_in } = body.data;

  const published = (await fixture.http.call('GET /.well-known/jwks.json')).body as unknown as JSONWebKeySet;
  const claims = await Promise.all(
    users.map(async ({ access_token }) => {
      const audience = { issuer: 'onrush', audience: 'onrush-api', typ: 'at+jwt' };
      return (await jwtVerify(access_token, createLocalJWKSet(published), audience)).payload;
    }),
  );
  expect([status, expires_in, new Set(users.map(({ id }) => id)).size]).toEqual([201, 600, 3]);
  expect(users.every(({ id }) => isOfRehearsal(id))).toBe(true);
  expect(claims.map(({ sub }) => sub)).toEqual(users.map(({ id }) => id));
  expect(claims.map(({ roles, permissions }) => ({ roles, permissions }))).toEqual(
    Array(3).fill({ roles: ['synthetic'], permissions: [] }),
  );
  expect(Object.keys(users[0] ?? {}).sort()).toEqual(['access_token', 'id']);
  expect(await rows('SELECT 1 FROM refresh_tokens')).toEqual([]);
});

test('who asked, for how many and why is written down; the session is theirs, and ends with their log-out from everywhere', async () => {
  const { body } = await ask(
    { users: 2, reason: 'once more' },
    { ...buyer(77), permissions: ['rehearsal.run'] },
  );
  const sessions = body.data.users.map(({ access_token }) => decodeJwt<{ sid: string }>(access_token).sid);

  const [grant] = await rows<object>('SELECT * FROM rehearsal_grants WHERE granted_by = 77');
  await fixture.http.call('POST /api/v1/user/logout?all=true', { user: buyer(77), body: {} });

  expect(new Set(sessions).size).toBe(1);
  expect(grant).toMatchObject({ session_id: sessions[0], users: 2, reason: 'once more' });
  const [session] = await rows<{ revoked_at: Date | null }>(
    `SELECT * FROM sessions WHERE id = ${sessions[0]}`,
  );
  expect(session?.revoked_at).toBeInstanceOf(Date);
});

test.each([
  ['none', { users: 0, reason: 'why' }],
  ['too many', { users: 1_001, reason: 'why' }],
  ['half a user', { users: 1.5, reason: 'why' }],
  ['no reason', { users: 1 }],
  ['an empty reason', { users: 1, reason: ' ' }],
  ['their ids', { users: 1, reason: 'why', ids: ['1'] }],
])('%s is refused, and nothing is written down', async (_what, body) => {
  const before = await rows('SELECT session_id FROM rehearsal_grants');

  expect((await ask(body)).status).toBe(400);
  expect(await rows('SELECT session_id FROM rehearsal_grants')).toEqual(before);
});

test('it takes a permission', async () => {
  expect((await ask({ users: 1, reason: 'why' }, buyer(1))).status).toBe(403);
});
