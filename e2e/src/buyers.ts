import { createHash, randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { createSnowflake } from '@onrush/chassis/snowflake';
import type { Api } from './api';
import { schemaOf, type Servers } from './environment';
import { inParallel } from './parallel';

export interface Buyer {
  id: string;
  username: string;
  accessToken: string;
}

interface Seeded {
  id: string;
  username: string;
  refreshToken: string;
}

const day = 86_400_000;
/** No service leases this number: ids made here meet no others. */
const ids = createSnowflake({ workerId: 1023 });
/** bcrypt of a random password that was thrown away: nobody logs in to a seeded account by password. */
const nobodysHash = 'bcrypt-sha256:$2b$12$uS5V1Lq3mJcS0eYt2kqv0u0m6y1q2sQ0w8Y9e1Jd3tq5p7v9xBz1C';

/**
 * Buyers that have registered and logged in before: accounts and refresh tokens are inserted in bulk, since a thousand honest bcrypt hashes
 * take minutes. From there on each goes the way of every client: it exchanges its refresh token through the gateway.
 */
export async function seedBuyers(options: {
  servers: Servers;
  namespace: string;
  count: number;
  prefix: string;
}): Promise<Seeded[]> {
  const { servers, namespace, count, prefix } = options;
  const connection = await mysql.createConnection({
    uri: servers.MYSQL_ADMIN_URL,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  const now = new Date();
  const users = schemaOf(namespace, 'user');
  const auth = schemaOf(namespace, 'auth');
  try {
    const names = Array.from(
      { length: count },
      (_, index) => `${prefix}-${String(index + 1).padStart(5, '0')}`,
    );
    const rows = names.map((name) => [ids.nextId(), name, name, nobodysHash, name, 'zh-CN', now, now]);
    for (const chunk of chunks(rows)) {
      await connection.query(
        `INSERT IGNORE INTO ${users}.users (id, username, canonical_username, password_hash, nickname, locale, created_at, updated_at) VALUES ?`,
        [chunk],
      );
    }
    const [found] = await connection.query<mysql.RowDataPacket[]>(
      `SELECT id, username FROM ${users}.users WHERE username LIKE ? ORDER BY username LIMIT ?`,
      [`${prefix}-%`, count],
    );
    const seeded = found.map((row) => ({
      id: String(row['id']),
      username: String(row['username']),
      refreshToken: randomBytes(32).toString('base64url'),
    }));
    for (const chunk of chunks(seeded)) await insertSessions(connection, { users, auth, now }, chunk);
    return seeded;
  } finally {
    await connection.end();
  }
}

async function insertSessions(
  connection: mysql.Connection,
  { users, auth, now }: { users: string; auth: string; now: Date },
  seeded: Seeded[],
): Promise<void> {
  const expiresAt = new Date(now.getTime() + 7 * day);
  const sessions = seeded.map((buyer) => ({ ...buyer, sessionId: ids.nextId() }));
  await connection.query(`INSERT IGNORE INTO ${users}.user_roles (user_id, role) VALUES ?`, [
    seeded.map((buyer) => [buyer.id, 'user']),
  ]);
  await connection.query(`INSERT INTO ${auth}.sessions (id, user_id, created_at, expires_at) VALUES ?`, [
    sessions.map((buyer) => [buyer.sessionId, buyer.id, now, new Date(now.getTime() + 30 * day)]),
  ]);
  await connection.query(
    `INSERT INTO ${auth}.refresh_tokens (token_hash, session_id, created_at, expires_at) VALUES ?`,
    [
      sessions.map((buyer) => [
        createHash('sha256').update(buyer.refreshToken).digest('hex'),
        buyer.sessionId,
        now,
        expiresAt,
      ]),
    ],
  );
}

const chunks = <T>(items: T[], size = 1_000): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );

/** Each buyer exchanges its refresh token for an access token. */
export const logInSeeded = (
  api: Api,
  seeded: Seeded[],
  onEach: () => void = () => undefined,
): Promise<Buyer[]> =>
  inParallel(seeded, 32, async ({ id, username, refreshToken }) => {
    const { access_token } = await api.must<{ access_token: string }>('POST /api/v1/auth/refresh', {
      body: { refresh_token: refreshToken },
    });
    onEach();
    return { id, username, accessToken: access_token };
  });

/** Buyers who really register, and log in with their password. */
export const registerBuyers = (api: Api, count: number): Promise<Buyer[]> =>
  inParallel(Array.from({ length: count }), 4, async () => {
    const username = `guest-${randomBytes(5).toString('hex')}`;
    const password = randomBytes(12).toString('base64url');
    const { id } = await api.must<{ id: string }>('POST /api/v1/user/register', {
      body: { username, password },
    });
    const accessToken = await logIn(api, username, password);
    return { id, username, accessToken };
  });

export async function logIn(api: Api, username: string, password: string): Promise<string> {
  const { access_token } = await api.must<{ access_token: string }>('POST /api/v1/user/login', {
    body: { username, password },
  });
  return access_token;
}
