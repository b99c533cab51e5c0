import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { markForRehearsal } from '@onrush/proto';
import { rehearsalGrants } from '../data/rehearsal-grants';
import { sessionRepository } from '../data/session-repository';
import type { SigningKeys } from '../data/signing-keys';

export interface GrantRehearsal {
  db: DataSource;
  ids: Snowflake;
  keys: SigningKeys;
  logger: Logger;
  accessTokenSeconds: number;
}

export interface SyntheticUser {
  id: string;
  accessToken: string;
}

/**
 * New synthetic users, who exist only as access tokens: no account, no permission, nothing to log in with, no refresh token. All of them are of
 * one session of whoever asked, so that they end with a log-out from everywhere.
 */
export async function grantRehearsal(
  deps: GrantRehearsal,
  { users, reason, by }: { users: number; reason: string; by: string },
): Promise<SyntheticUser[]> {
  const { db, ids, keys, logger, accessTokenSeconds } = deps;
  const sessionId = ids.nextId();
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + accessTokenSeconds * 1_000);
  await inTransaction(db, async (tx) => {
    await sessionRepository.insertSession(tx, { id: sessionId, userId: by, createdAt, expiresAt });
    await rehearsalGrants.insert(tx, { sessionId, grantedBy: by, users, reason, grantedAt: createdAt });
  });
  logger.info('synthetic users granted', { sessionId, by, users, reason });
  return Promise.all(
    Array.from({ length: users }, async () => {
      const id = markForRehearsal(ids.nextId());
      const claims = {
        userId: id,
        sessionId,
        username: `synthetic-${id}`,
        roles: ['synthetic'],
        permissions: [],
      };
      return { id, accessToken: await keys.sign(claims) };
    }),
  );
}
