import { buyer, freePort, startTestService } from '@onrush/chassis/testing/service';
import type { ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { eventually } from '@onrush/chassis/testing/wait';
import { authService } from '@onrush/proto';
import type { Revocation__Output } from '@onrush/proto/gen/onrush/auth/v1/Revocation';
import type { RevocationBatch__Output } from '@onrush/proto/gen/onrush/auth/v1/RevocationBatch';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { createRefreshTokens, hashOf } from '../src/data/refresh-tokens';
import { createRevocationLog } from '../src/data/revocation-log';
import { rememberedMs } from '../src/domain/session';
import { logOut } from '../src/use-cases/log-out';
import { refresh } from '../src/use-cases/refresh';
import { instanceAt, startAuthService, within } from './fixture';

let fixture: ServiceFixture<Config>;
const stoppers: (() => Promise<unknown> | void)[] = [];
beforeAll(async () => {
  fixture = await startAuthService('revocations');
}, 60_000);
afterAll(() => fixture.stop());
afterEach(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
  await fixture.db.query('DELETE FROM sessions');
});

let nextSession = 1_000;
async function startSessions(count: number, { userId = '42', revokedAt = null as Date | null } = {}) {
  const ids = Array.from({ length: count }, () => String((nextSession += 1)));
  const times = [new Date(), new Date(Date.now() + 86_400_000), revokedAt];
  await fixture.db.query('INSERT INTO sessions (id, user_id, created_at, expires_at, revoked_at) VALUES ?', [
    ids.map((id) => [id, userId, ...times]),
  ]);
  return ids;
}

/** Reads the feed of one instance, as a gateway does. */
async function readRevocations(grpcPort = fixture.config.grpcPort) {
  const client = fixture.clientAs('gateway', authService);
  const stream = await client.openServerStream('Revocations', {}, instanceAt(grpcPort));
  const batches: RevocationBatch__Output[] = [];
  let ended = false;
  stream.on('data', (batch: RevocationBatch__Output) => batches.push(batch));
  stream.on('error', () => (ended = true));
  stream.on('end', () => (ended = true));
  stoppers.push(() => stream.cancel());
  const heard = (): Revocation__Output[] => batches.flatMap((batch) => batch.revocations);
  return {
    batches,
    heard,
    ids: () => heard().map(({ sessionId }) => sessionId),
    hasEnded: () => ended,
    whole: () => eventually(() => batches.some((batch) => batch.snapshotComplete)),
    cancel: () => stream.cancel(),
  };
}

const logOutOverHttp = (sessionId: string) =>
  fixture.http.call('POST /api/v1/user/logout', { user: { ...buyer(42), sessionId } });

test('whoever subscribes hears within a second of a log-out, with the time to forget it', async () => {
  const [session = ''] = await startSessions(2);
  const reader = await readRevocations();
  await reader.whole();

  await logOutOverHttp(session);

  await eventually(() => reader.ids().includes(session), within);
  const revocation = reader.heard().at(-1);
  expect(reader.ids()).toEqual([session]);
  expect(Math.abs(Number(revocation?.revokedAt) - Date.now())).toBeLessThan(30_000);
  expect(Number(revocation?.forgetAt) - Number(revocation?.revokedAt)).toBe(660_000);
});

test('what ends at one instance is heard at another', async () => {
  const [session = ''] = await startSessions(1);
  const { config } = fixture;
  const grpcPort = await freePort();
  const other = await startTestService(createApp, { ...config, grpcPort, httpPort: await freePort() });
  stoppers.push(other.stop);
  const reader = await readRevocations(grpcPort);
  await reader.whole();

  await logOutOverHttp(session);

  await eventually(() => reader.ids().includes(session), within);
});

test('every way in which sessions end is told: all of a user, and a stolen refresh token', async () => {
  const mine = await startSessions(3, { userId: '77' });
  const [stolen = ''] = await startSessions(1, { userId: '78' });
  const reader = await readRevocations();
  await reader.whole();
  const before = reader.heard().length;
  const tokens = createRefreshTokens(fixture.config.keyEncryptionSecret);
  const token = tokens.create();
  const longAgo = new Date(Date.now() - 60_000);
  await fixture.db.query(
    'INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at, used_at) VALUES (?)',
    [[hashOf(token), stolen, longAgo, new Date(Date.now() + 60_000), longAgo]],
  );
  const account = { id: '78', username: 'x', roles: [], permissions: [], disabled: false };
  const users = { find: () => Promise.resolve(account) };

  await logOut({ db: fixture.db }, '77', 'all');
  await expect(refresh({ db: fixture.db, tokens, users } as never, token)).rejects.toThrow('log in again');

  await eventually(() => reader.heard().length === before + 4, within);
  expect(reader.ids().slice(before).sort()).toEqual([...mine, stolen].sort());
});

test('a subscriber first gets what may still matter, marked, and nothing older', async () => {
  const endedAgo = (ms: number) => startSessions(1, { revokedAt: new Date(Date.now() - ms) });
  const [young = ''] = await endedAgo(rememberedMs - 60_000);
  const [old = ''] = await endedAgo(rememberedMs + 60_000);
  await fixture.restart();
  const first = await readRevocations();
  await first.whole();
  first.cancel();

  const second = await readRevocations();
  await second.whole();

  for (const reader of [first, second]) {
    expect(reader.ids()).toContain(young);
    expect(reader.ids()).not.toContain(old);
  }
  expect(second.batches[0]).toMatchObject({ snapshot: true, snapshotComplete: true });
});

test('what happened while a subscriber was away is in its next snapshot', async () => {
  const [session = ''] = await startSessions(1);
  const other = await readRevocations();
  const first = await readRevocations();
  await Promise.all([first.whole(), other.whole()]);
  first.cancel();
  await logOutOverHttp(session);

  const second = await readRevocations();
  await second.whole();

  expect(second.ids()).toContain(session);
});

test('a large snapshot comes in parts of at most 1,000, the last of them marked', async () => {
  const sessions = await startSessions(7_500, { revokedAt: new Date() });

  const reader = await readRevocations();
  await reader.whole();

  const sizes = reader.batches.map((batch) => batch.revocations.length);
  expect(new Set(reader.ids())).toEqual(new Set([...reader.ids(), ...sessions]));
  expect(Math.max(...sizes)).toBe(1_000);
  expect(reader.batches.filter((batch) => batch.snapshotComplete)).toEqual([reader.batches.at(-1)]);
});

test('a log-out that commits later than a younger one is told, too', async () => {
  const [early = '', late = '', veryLate = ''] = await startSessions(3);
  const log = createRevocationLog({ db: fixture.db, now: () => nowMs });
  let nowMs = Date.now();
  const told = () => {
    const ids: string[] = [];
    for (let next = log.next(undefined); next; next = log.next(next.cursor))
      ids.push(...(next.message.revocations ?? []).map(({ sessionId }) => String(sessionId)));
    return ids;
  };
  const end = (id: string, atMs: number) =>
    fixture.db.query('UPDATE sessions SET revoked_at = ? WHERE id = ?', [new Date(atMs), id]);
  await end(early, nowMs);
  await log.poll();

  await end(late, nowMs - 4_000);
  await end(veryLate, nowMs - 40_000);
  await log.poll();
  const soon = told();
  nowMs += 60_000;
  await log.poll();

  expect(soon).toEqual([early, late]);
  expect(told()).toEqual([early, late, veryLate]);
});

test('what can no longer matter is forgotten, and readers go on where they were', async () => {
  const startMs = Date.now();
  let nowMs = startMs;
  const [old = ''] = await startSessions(1, { revokedAt: new Date(startMs) });
  const log = createRevocationLog({ db: fixture.db, now: () => nowMs });
  await log.poll();
  const cursor = log.next(undefined)?.cursor;

  nowMs = startMs + rememberedMs + 1;
  const [young = ''] = await startSessions(1, { revokedAt: new Date(nowMs) });
  await log.poll();

  const fresh = log.next(undefined)?.message;
  expect(fresh?.revocations?.map(({ sessionId }) => sessionId)).toEqual([young]);
  expect(log.next(cursor)?.message.revocations?.map(({ sessionId }) => sessionId)).toEqual([young]);
  expect(old).not.toBe(young);
});

test('nobody but a gateway may listen', async () => {
  const client = fixture.clientAs('order-service', authService);
  const stream = await client.openServerStream('Revocations', {}, instanceAt(fixture.config.grpcPort));

  const refusal = await new Promise<{ code: number }>((resolve) => stream.once('error', resolve));

  expect(refusal.code).toBe(7);
});

test('a service that stops ends its streams, and stops at once', async () => {
  const reader = await readRevocations();
  await reader.whole();

  const began = Date.now();
  await fixture.restart();

  await eventually(reader.hasEnded);
  expect(Date.now() - began).toBeLessThan(4_000);
});
