import { badRequestsOf, problemsWith } from '@onrush/chassis/testing/bad-requests';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { createTestDatabase } from '@onrush/chassis/testing/database';
import { buyer } from '@onrush/chassis/testing/service';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { eventually } from '@onrush/chassis/testing/wait';
import { userRegistered, userService } from '@onrush/proto';
import { execFileSync } from 'node:child_process';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { createPasswords } from '../src/data/passwords';
import { createUserRepository } from '../src/data/user-repository';
import { UserTable } from '../src/data/user-table';
import { errors } from '../src/errors';
import { httpRoutes } from '../src/handlers/http';
import { migrations } from '../src/migrations';
import { bootstrapAdmin } from '../src/use-cases/bootstrap-admin';

let fixture: ServiceFixture<Config>;
beforeAll(async () => {
  fixture = await startServiceFixture<Config>({
    service: 'user-service',
    label: 'user',
    createApp,
    migrations,
    entities: [UserTable],
    errors,
    config: { bcryptCost: 10, hashConcurrency: 4, hashQueueLimit: 200 },
  });
}, 60_000);
afterAll(() => fixture.stop());

const register = (username: string, password = 'correct horse 9') =>
  fixture.http.call<{ id: string; username: string }>('POST /api/v1/user/register', {
    body: { username, password },
  });
const asAuth = () => fixture.clientAs('auth-service', userService);

test('every route refuses bad requests in the envelope, and changes nothing', async () => {
  for (const bad of badRequestsOf(httpRoutes({} as never), fixture.http, buyer(1))) {
    const answer = await bad.send();
    expect({ request: bad.name, problems: problemsWith(answer, bad.status) }).toEqual({
      request: bad.name,
      problems: [],
    });
  }
  expect(await fixture.db.query('SELECT id FROM users')).toEqual([]);
});

test('a user registers, is announced, and is verified by name and password', async () => {
  const events = await fixture.kafka.collect(userRegistered);

  const { status, body } = await register('Mei.Lin');

  expect(status).toBe(201);
  expect(
    await asAuth().call('VerifyCredentials', { username: 'mei.lin', password: 'correct horse 9' }),
  ).toMatchObject({ id: body.data.id, roles: ['user'], permissions: [] });
  expect(await asAuth().call('GetUser', { userId: body.data.id })).toMatchObject({
    username: 'Mei.Lin',
    disabled: false,
  });
  await eventually(() => events.some(({ payload }) => payload.user_id === body.data.id));
});

test('of 50 registrations of one name, in many spellings, one wins', async () => {
  const answers = await releaseTogether(50, (index) => register(index % 2 ? 'Twin' : 'tWIN'));

  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0));
  expect(statuses.filter((status) => status === 201)).toHaveLength(1);
  expect(statuses.filter((status) => status === 409)).toHaveLength(49);
});

test.each([
  ['a short password', { username: 'ok-name', password: 'short12' }, 400],
  ['a password of more than 1,024 bytes', { username: 'ok-name', password: 'x'.repeat(1_025) }, 400],
  ['NUL in a password', { username: 'ok-name', password: 'abcdefgh\0' }, 400],
  ['a password that everybody knows', { username: 'ok-name', password: 'Password123' }, 422],
  ['a name of two letters', { username: 'ab', password: 'correct horse 9' }, 400],
  ['four letters that stand for four phrases', { username: 'ﷺﷺﷺﷺ', password: 'correct horse 9' }, 400],
  ['a name with a space', { username: 'a b c', password: 'correct horse 9' }, 400],
  ['a role of one’s own', { username: 'ok-name', password: 'correct horse 9', role: 'admin' }, 400],
])('%s is refused', async (_name, body, status) => {
  expect((await fixture.http.call('POST /api/v1/register', { body })).status).toBe(status);
  expect(await fixture.db.query(`SELECT id FROM users WHERE username = 'ok-name'`)).toEqual([]);
});

test('a wrong password, an unknown name and a disabled user get the same error', async () => {
  const { body } = await register('gone');
  const verify = (username: string, password: string) =>
    asAuth().call('VerifyCredentials', { username, password });

  await expect(verify('gone', 'wrong horse 9')).rejects.toMatchObject({ code: 401101 });
  await expect(verify('nobody', 'correct horse 9')).rejects.toMatchObject({ code: 401101 });
  await fixture.db.query('UPDATE users SET disabled = 1 WHERE id = ?', [body.data.id]);
  await expect(verify('gone', 'correct horse 9')).rejects.toMatchObject({ code: 401101 });
  await expect(asAuth().call('GetUser', { userId: '999' })).rejects.toMatchObject({ code: 404101 });
});

test('names that only look alike are different people', async () => {
  const [jose, josé] = [await register('jose'), await register('josé', 'another horse 9')];
  const verify = (username: string, password: string) =>
    asAuth().call('VerifyCredentials', { username, password });

  expect([jose.status, josé.status]).toEqual([201, 201]);
  expect(await verify('JOSÉ', 'another horse 9')).toMatchObject({ id: josé.body.data.id });
  for (const other of ['josè', 'jose ', 'jo\u200bse'])
    await expect(verify(other, 'correct horse 9')).rejects.toMatchObject({ code: 401101 });
});

test('a long password counts to its last character', async () => {
  const long = `${'x'.repeat(80)}-one`;
  await register('long-password', long);

  await expect(
    asAuth().call('VerifyCredentials', { username: 'long-password', password: `${'x'.repeat(80)}-two` }),
  ).rejects.toMatchObject({ status: 'UNAUTHENTICATED' });
  expect(
    await asAuth().call('VerifyCredentials', { username: 'long-password', password: long }),
  ).toMatchObject({ username: 'long-password' });
});

test('a hash of an older policy is renewed at the next log-in', async () => {
  const { body } = await register('renewed');
  const stored = async () =>
    (
      await fixture.db.query<{ password_hash: string }[]>('SELECT password_hash FROM users WHERE id = ?', [
        body.data.id,
      ])
    )[0]?.password_hash;
  const before = await stored();
  await fixture.restart({ bcryptCost: 11 });

  await asAuth().call('VerifyCredentials', { username: 'renewed', password: 'correct horse 9' });

  expect(before).toMatch(/^bcrypt-sha256:\$2b\$10\$/);
  expect(await stored()).toMatch(/^bcrypt-sha256:\$2b\$11\$/);
  await fixture.restart();
});

test('a profile is read and changed, field by field', async () => {
  const { body } = await register('profile');
  const user = buyer(body.data.id);

  const changed = await fixture.http.call('PUT /api/v1/user/profile', {
    user,
    body: { nickname: '票迷', avatar_url: 'https://example.org/a.png' },
  });
  const read = await fixture.http.call('GET /api/v1/user/profile', { user });

  expect(changed.body.data).toMatchObject({
    nickname: '票迷',
    avatar_url: 'https://example.org/a.png',
    locale: 'zh-CN',
    roles: ['user'],
    phone: null,
  });
  expect(read.body.data).toEqual(changed.body.data);
  expect(
    (
      await fixture.http.call('PUT /api/v1/user/profile', {
        user,
        body: { avatar_url: 'javascript:alert(1)' },
      })
    ).status,
  ).toBe(400);
  expect((await fixture.http.call('GET /api/v1/user/profile', { user: buyer(999) })).status).toBe(404);
});

test('more password checks than may wait are told to come back', async () => {
  const passwords = createPasswords({ cost: 10, concurrency: 1, queueLimit: 2 });

  const answers = await releaseTogether(10, () => passwords.hash('correct horse 9'));

  expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(3);
  const refused = answers.find((answer) => answer.status === 'rejected');
  expect(refused).toMatchObject({ reason: { code: 503101, retryAfterSeconds: 2 } });
});

test('the first admin is made once, with a password that works', async () => {
  const database = await createTestDatabase('admin', { entities: [UserTable], migrations });
  const deps = {
    db: database.db,
    users: createUserRepository(database.db),
    passwords: createPasswords({ cost: 10, concurrency: 2, queueLimit: 10 }),
    outbox: {
      name: '',
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      add: () => Promise.resolve(),
      wake: () => undefined,
      pending: () => Promise.resolve(0),
    },
    ids: { nextId: () => '1' },
  };

  const [first, second] = [await bootstrapAdmin(deps), await bootstrapAdmin(deps)];

  expect(first).toMatchObject({ username: 'admin', created: true });
  expect(second).toEqual({ username: 'admin', password: null, created: false });
  const account = await deps.users.findByName('admin');
  expect(account).toMatchObject({ roles: ['admin'], permissions: ['*'] });
  expect(await deps.passwords.matches(first.password ?? '', account?.user.passwordHash)).toBe(true);
  await database.drop();
});

test('a configuration with problems ends the process and names them all', () => {
  const main = require.resolve('tsx/cli');
  const run = () =>
    execFileSync(process.execPath, [main, '--conditions=onrush-src', `${__dirname}/../src/main.ts`], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { PATH: process.env['PATH'], MYSQL_URL: 'http://x', BCRYPT_COST: '3' },
    });

  expect(run).toThrow(/MYSQL_URL[\s\S]*BCRYPT_COST|BCRYPT_COST[\s\S]*MYSQL_URL/);
});
