import type { DataSource } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { isAppError } from '@onrush/chassis/errors';
import type { Account, Users } from '../clients/users';
import type { LoginFailures } from '../data/login-failures';
import { hashOf, type RefreshTokens } from '../data/refresh-tokens';
import { sessionRepository } from '../data/session-repository';
import type { SigningKeys } from '../data/signing-keys';
import { startSession, tokenExpiry } from '../domain/session';
import { errors } from '../errors';

export interface LogIn {
  db: DataSource;
  users: Users;
  keys: SigningKeys;
  tokens: RefreshTokens;
  failures: LoginFailures;
  ids: Snowflake;
}

export interface LoggedIn {
  account: Account;
  accessToken: string;
  refreshToken: string;
}

export async function logIn(
  deps: LogIn,
  { username, password }: { username: string; password: string },
): Promise<LoggedIn> {
  const waitSeconds = await deps.failures.mustWait(username);
  if (waitSeconds > 0) throw errors.tooManyFailures({ retryAfterSeconds: waitSeconds });
  const account = await verify(deps, username, password);
  await deps.failures.forget(username);

  const now = new Date();
  const session = startSession(deps.ids.nextId(), account.id, now);
  const refreshToken = deps.tokens.create();
  await inTransaction(deps.db, async (tx) => {
    await sessionRepository.insertSession(tx, session);
    const expiresAt = tokenExpiry(session.expiresAt, now);
    await sessionRepository.insertToken(tx, {
      hash: hashOf(refreshToken),
      sessionId: session.id,
      createdAt: now,
      expiresAt,
    });
  });
  return { account, refreshToken, accessToken: await accessTokenFor(deps, account, session.id) };
}

async function verify({ users, failures }: LogIn, username: string, password: string): Promise<Account> {
  try {
    return await users.verify(username, password);
  } catch (error) {
    if (isAppError(error) && error.status === 'UNAUTHENTICATED') await failures.add(username);
    throw error;
  }
}

export const accessTokenFor = (
  { keys }: Pick<LogIn, 'keys'>,
  account: Account,
  sessionId: string,
): Promise<string> =>
  keys.sign({
    userId: account.id,
    sessionId,
    username: account.username,
    roles: account.roles,
    permissions: account.permissions,
  });
