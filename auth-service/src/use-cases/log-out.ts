import type { DataSource } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import { hashOf } from '../data/refresh-tokens';
import { sessionRepository } from '../data/session-repository';

/** Ends the session that this refresh token belongs to, or every session of the user. Access tokens live on until they expire. */
export async function logOut(
  { db }: { db: DataSource },
  userId: string,
  which: { refreshToken: string } | 'all',
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (which === 'all') return sessionRepository.revokeAll(tx, userId);
    const token = await sessionRepository.lockToken(tx, hashOf(which.refreshToken));
    if (token) await sessionRepository.revoke(tx, token.sessionId, userId);
  });
}
