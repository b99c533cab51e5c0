import type { DataSource } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import { hashOf } from '../data/refresh-tokens';
import { sessionRepository } from '../data/session-repository';

/** Ends one session of the user, named by itself or by its refresh token, or every one. Gateways hear of it within a second (data/revocation-log.ts). */
export async function logOut(
  { db }: { db: DataSource },
  userId: string,
  which: { sessionId: string } | { refreshToken: string } | 'all',
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (which === 'all') return sessionRepository.revokeAll(tx, userId);
    if ('sessionId' in which) return sessionRepository.revoke(tx, which.sessionId, userId);
    const token = await sessionRepository.findToken(tx, hashOf(which.refreshToken));
    if (token) await sessionRepository.revoke(tx, token.sessionId, userId);
  });
}
