import type { EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { EndedSession, RefreshToken, Session } from '../domain/session';

interface Row {
  session_id: string;
  user_id: string;
  expires_at: Date;
  used_at: Date | null;
  session_expires_at: Date;
  revoked_at: Date | null;
}

/** Sessions are families of refresh tokens; only the hashes of the tokens are kept. */
export const sessionRepository = {
  async insertSession(tx: EntityManager, session: Session): Promise<void> {
    const columns = ['id', 'user_id', 'created_at', 'expires_at'];
    await insertRows(tx, 'sessions', {
      columns,
      rows: [[session.id, session.userId, session.createdAt, session.expiresAt]],
    });
  },

  async insertToken(
    tx: EntityManager,
    token: { hash: string; sessionId: string; createdAt: Date; expiresAt: Date },
  ): Promise<void> {
    const columns = ['token_hash', 'session_id', 'created_at', 'expires_at'];
    await insertRows(tx, 'refresh_tokens', {
      columns,
      rows: [[token.hash, token.sessionId, token.createdAt, token.expiresAt]],
    });
  },

  /** `lock`: until the transaction ends, so that of two uses at once the second sees the first. */
  async findToken(
    tx: EntityManager,
    hash: string,
    { lock = false }: { lock?: boolean } = {},
  ): Promise<RefreshToken | undefined> {
    const [row] = await tx.query<Row[]>(
      `SELECT t.session_id, s.user_id, t.expires_at, t.used_at, s.expires_at AS session_expires_at, s.revoked_at
       FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.token_hash = ? ${lock ? 'FOR UPDATE' : ''}`,
      [hash],
    );
    return (
      row && {
        sessionId: row.session_id,
        userId: row.user_id,
        expiresAt: row.expires_at,
        usedAt: row.used_at,
        sessionExpiresAt: row.session_expires_at,
        revokedAt: row.revoked_at,
      }
    );
  },

  async markUsed(tx: EntityManager, hash: string, now: Date): Promise<void> {
    await tx.query('UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ?', [now, hash]);
  },

  /** By the database's clock: whoever looks for what ended last must not depend on how the clocks of several instances agree. */
  async revoke(tx: EntityManager, sessionId: string, userId: string): Promise<void> {
    await tx.query(
      'UPDATE sessions SET revoked_at = UTC_TIMESTAMP(3) WHERE id = ? AND user_id = ? AND revoked_at IS NULL',
      [sessionId, userId],
    );
  },

  async revokeAll(tx: EntityManager, userId: string): Promise<void> {
    await tx.query(
      'UPDATE sessions SET revoked_at = UTC_TIMESTAMP(3) WHERE user_id = ? AND revoked_at IS NULL',
      [userId],
    );
  },

  /** Sessions that ended after that one, by time and then by id, at most `limit`. */
  async findRevokedAfter(tx: EntityManager, last: EndedSession, limit: number): Promise<EndedSession[]> {
    const rows = await tx.query<{ id: string; revoked_at: Date }[]>(
      `SELECT id, revoked_at FROM sessions WHERE revoked_at >= ? AND (revoked_at > ? OR id > ?)
       ORDER BY revoked_at, id LIMIT ?`,
      [last.revokedAt, last.revokedAt, last.id, limit],
    );
    return rows.map((row) => ({ id: row.id, revokedAt: row.revoked_at }));
  },
};
