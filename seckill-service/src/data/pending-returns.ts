import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { Reservation } from '../domain/reservation';

/** A release that the ledger knows, and Redis perhaps not yet. */
export interface PendingReturn {
  reservationId: string;
  activityId: string;
  userId: string;
  releasedAt: Date;
}

interface Row {
  reservation_id: string;
  activity_id: string;
  user_id: string;
  released_at: Date;
}

const columns = ['reservation_id', 'activity_id', 'user_id', 'released_at'];
const selected = `SELECT ${columns.join(', ')} FROM pending_returns`;

/**
 * Releases between the ledger and Redis: written with the release, and deleted when Redis is known to have it. The stock equation counts them, and
 * what a dead process has left here is carried on.
 */
export const pendingReturns = {
  async add(tx: EntityManager, { id, activityId, userId }: Reservation): Promise<void> {
    await insertRows(tx, 'pending_returns', { columns, rows: [[id, activityId, userId, new Date()]] });
  },

  async findOf(tx: EntityManager, activityId: string): Promise<PendingReturn[]> {
    return toReturns(await tx.query<Row[]>(`${selected} WHERE activity_id = ?`, [activityId]));
  },

  async findAny(db: DataSource, limit: number): Promise<PendingReturn[]> {
    return toReturns(await db.query<Row[]>(`${selected} ORDER BY reservation_id LIMIT ?`, [limit]));
  },

  async remove(db: DataSource, returns: PendingReturn[]): Promise<void> {
    if (returns.length === 0) return;
    const ids = returns.map(({ reservationId }) => reservationId);
    await db.query('DELETE FROM pending_returns WHERE reservation_id IN (?)', [ids]);
  },
};

const toReturns = (rows: Row[]): PendingReturn[] =>
  rows.map((row) => ({
    reservationId: row.reservation_id,
    activityId: row.activity_id,
    userId: row.user_id,
    releasedAt: row.released_at,
  }));
