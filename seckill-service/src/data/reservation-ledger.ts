import type { DataSource, EntityManager } from 'typeorm';
import { idList, insertRows } from '@onrush/chassis/mysql';
import type { Activity } from '../domain/activity';
import type { AcceptedPurchase, KeptPurchase, Reservation, ReservationStatus } from '../domain/reservation';
import type { WrittenPurchase } from '../domain/sale-record';

interface Affected {
  affectedRows: number;
}
interface Row {
  id: string;
  activity_id: string;
  user_id: string;
  order_no: string;
  quantity: number;
  status: ReservationStatus;
  reason: string | null;
  updated_at: Date;
}

/** What is written into the ledger together, and how it ends. */
export interface LedgerBatch {
  activityId: string;
  batchId: string;
  status: 'QUEUED' | 'REJECTED';
  reason: string | null;
}

/** The live sale was rebuilt since: what was to be written has to be taken into the new epoch first. */
export class OtherEpoch extends Error {}

const columns = [
  'id',
  'activity_id',
  'user_id',
  'order_no',
  'quantity',
  'status',
  'reason',
  'batch_id',
  'idempotency_key',
  'reserved_at',
  'updated_at',
];
const selected = 'id, activity_id, user_id, order_no, quantity, status, reason, updated_at';

/** The reservations in MySQL: one row for each purchase that Redis accepted, written once, whoever writes first. */
export const reservationLedger = {
  /** Writes those that are not there yet, and returns them. */
  async insertNew(
    tx: EntityManager,
    batch: LedgerBatch,
    purchases: (KeptPurchase & Partial<Pick<AcceptedPurchase, 'reservedAt'>>)[],
  ): Promise<WrittenPurchase[]> {
    if (purchases.length === 0) return [];
    const now = new Date();
    const dated = purchases.map((purchase) => ({ ...purchase, reservedAt: purchase.reservedAt ?? now }));
    const rows = dated.map((purchase) => [
      purchase.reservationId,
      batch.activityId,
      purchase.userId,
      purchase.orderNo,
      purchase.quantity,
      batch.status,
      batch.reason,
      batch.batchId,
      purchase.key,
      purchase.reservedAt,
      now,
    ]);
    const inserted = await insertRows(tx, 'reservations', { columns, rows, ignoreDuplicates: true });
    if (inserted === rows.length) return dated;
    const written = await tx.query<{ id: string }[]>(
      'SELECT id FROM reservations WHERE batch_id = ? AND id IN (?)',
      [batch.batchId, purchases.map((purchase) => purchase.reservationId)],
    );
    const byId = new Map(dated.map((purchase) => [purchase.reservationId, purchase]));
    return written.flatMap(({ id }) => byId.get(id) ?? []);
  },

  /**
   * The guard that no activity sells more than it has; false when it would. Whoever rebuilds the live sale keeps the row locked, so that what
   * is written here is either counted by the rebuild, or finds another epoch.
   */
  async addSold(
    tx: EntityManager,
    { id, epoch }: Pick<Activity, 'id' | 'epoch'>,
    units: number,
  ): Promise<boolean> {
    const result = await tx.query<Affected>(
      'UPDATE activities SET sold = sold + ? WHERE id = ? AND epoch = ? AND sold + ? <= total',
      [units, id, epoch, units],
    );
    if (result.affectedRows === 1) return true;
    const [current] = await tx.query<{ epoch: number }[]>('SELECT epoch FROM activities WHERE id = ?', [id]);
    if (current?.epoch !== epoch) throw new OtherEpoch();
    return false;
  },

  /** The first to end a live reservation gets its units back; null when it was over already. */
  async release(tx: EntityManager, id: string, reason: string): Promise<Reservation | null> {
    const result = await tx.query<Affected>(
      `UPDATE reservations SET status = 'RELEASED', reason = ?, updated_at = ? WHERE id = ? AND status IN ('QUEUED', 'ORDERED')`,
      [reason, new Date(), id],
    );
    if (result.affectedRows === 0) return null;
    const reservation = await findOne(tx, id);
    if (!reservation) return null;
    await tx.query('UPDATE activities SET sold = sold - ? WHERE id = ?', [
      reservation.quantity,
      reservation.activityId,
    ]);
    return reservation;
  },

  async markOrdered(db: DataSource, ids: string[], at: Date): Promise<void> {
    await db.query(
      `UPDATE reservations SET status = 'ORDERED', updated_at = ? WHERE status = 'QUEUED' AND id IN (?)`,
      [at, idList(ids)],
    );
  },

  find: (db: DataSource, id: string): Promise<Reservation | null> => findOne(db.manager, id),

  async findMany(db: DataSource, ids: string[]): Promise<Reservation[]> {
    const rows = await db.query<Row[]>(`SELECT ${selected} FROM reservations WHERE id IN (?)`, [ids]);
    return rows.map(toReservation);
  },

  async findOfBuyer(db: DataSource, activityId: string, userId: string): Promise<Reservation[]> {
    const rows = await db.query<Row[]>(
      `SELECT ${selected} FROM reservations WHERE activity_id = ? AND user_id = ? ORDER BY id DESC LIMIT 100`,
      [activityId, userId],
    );
    return rows.map(toReservation);
  },
};

async function findOne(manager: EntityManager, id: string): Promise<Reservation | null> {
  const [row] = await manager.query<Row[]>(`SELECT ${selected} FROM reservations WHERE id = ?`, [id]);
  return row ? toReservation(row) : null;
}

const toReservation = (row: Row): Reservation => ({
  id: row.id,
  activityId: row.activity_id,
  userId: row.user_id,
  orderNo: row.order_no,
  quantity: row.quantity,
  status: row.status,
  reason: row.reason,
  updatedAt: row.updated_at,
});
