import type { DataSource, EntityManager } from 'typeorm';
import { idList } from '@onrush/chassis/mysql';
import type { AcceptedPurchase, KeptPurchase, ReservationStatus } from '../domain/reservation';
import type { WrittenPurchase } from '../domain/sale-record';

/** A row of the ledger as repairs need it. */
export interface LedgerEntry extends KeptPurchase {
  status: ReservationStatus;
  updatedAt: Date;
}

/** A row as it is compared with the record of the sale. */
export interface AuditedRow extends WrittenPurchase {
  status: ReservationStatus;
  batchId: string;
}

export interface LedgerCount {
  queued: number;
  ordered: number;
  /** When the oldest reservation that has no order yet was made. */
  oldestQueuedAt: Date | null;
}

interface Row {
  id: string;
  user_id: string;
  order_no: string;
  quantity: number;
  status: ReservationStatus;
  idempotency_key: string;
  reserved_at: Date;
  updated_at: Date;
}

const idsPerQuery = 1_000;
const rowsPerPage = 1_000;
const columns = 'id, user_id, order_no, quantity, status, idempotency_key, reserved_at, updated_at';

export const isLive = ({ status }: { status: ReservationStatus }): boolean =>
  status === 'QUEUED' || status === 'ORDERED';

/** What the reconciler asks of the ledger. */
export const ledgerCount = {
  /** Which of these it has, whatever has become of them. */
  async findKnown(manager: EntityManager, ids: string[]): Promise<Set<string>> {
    const known = new Set<string>();
    for (let from = 0; from < ids.length; from += idsPerQuery) {
      const rows = await manager.query<{ id: string }[]>('SELECT id FROM reservations WHERE id IN (?)', [
        idList(ids.slice(from, from + idsPerQuery)),
      ]);
      for (const { id } of rows) known.add(id);
    }
    return known;
  },

  /** Whether it has all of these, of which there is one at least: the same without naming them, which is most of the work. */
  async hasAll(manager: EntityManager, ids: string[]): Promise<boolean> {
    const [row] = await manager.query<{ known: string }[]>(
      'SELECT COUNT(*) AS known FROM reservations WHERE id IN (?)',
      [idList(ids)],
    );
    return Number(row?.known) === ids.length;
  },

  /** The units of all rows. Its work grows with the activity's reservations. */
  async count(manager: EntityManager, activityId: string): Promise<LedgerCount> {
    const rows = await manager.query<{ status: ReservationStatus; units: string; oldest: Date }[]>(
      'SELECT status, SUM(quantity) AS units, MIN(reserved_at) AS oldest FROM reservations WHERE activity_id = ? GROUP BY status',
      [activityId],
    );
    const of = (status: ReservationStatus) => rows.find((row) => row.status === status);
    return {
      queued: Number(of('QUEUED')?.units ?? 0),
      ordered: Number(of('ORDERED')?.units ?? 0),
      oldestQueuedAt: of('QUEUED')?.oldest ?? null,
    };
  },

  /**
   * All reservations of the next buyers, by buyer and age; empty when there are no more. Nobody's are torn apart by the end of a page.
   */
  async pageByBuyer(manager: EntityManager, activityId: string, afterUserId: string): Promise<LedgerEntry[]> {
    for (let limit = rowsPerPage; ; limit *= 2) {
      const rows = await manager.query<Row[]>(
        `SELECT ${columns} FROM reservations WHERE activity_id = ? AND user_id > ? ORDER BY user_id, id LIMIT ?`,
        [activityId, afterUserId, limit],
      );
      if (rows.length < limit) return rows.map(toEntry);
      const last = rows.at(-1)?.user_id;
      const whole = rows.filter((row) => row.user_id !== last);
      if (whole.length > 0) return whole.map(toEntry);
    }
  },

  /** The next rows in the order of their ids; the hint keeps a page from sorting all that come after it. */
  async pageById(
    manager: EntityManager,
    activityId: string,
    { afterId, limit }: { afterId: string; limit: number },
  ): Promise<AuditedRow[]> {
    const rows = await manager.query<(Row & { batch_id: string })[]>(
      `SELECT ${columns}, batch_id FROM reservations FORCE INDEX (PRIMARY) WHERE activity_id = ? AND id > ? ORDER BY id LIMIT ?`,
      [activityId, afterId, limit],
    );
    return rows.map((row) => ({ ...toEntry(row), reservedAt: row.reserved_at, batchId: row.batch_id }));
  },

  /** Those that are still live, locked until the transaction ends. */
  async lockLive(tx: EntityManager, ids: string[]): Promise<LedgerEntry[]> {
    const rows = await tx.query<Row[]>(
      `SELECT ${columns} FROM reservations WHERE id IN (?) AND status IN ('QUEUED', 'ORDERED') FOR UPDATE`,
      [ids],
    );
    return rows.map(toEntry);
  },

  /** Reservations without an order, made before then, in the order of their ids. */
  async findQueued(
    db: DataSource,
    activityId: string,
    { before, afterId, limit }: { before: Date; afterId: string; limit: number },
  ): Promise<Omit<AcceptedPurchase, 'epoch'>[]> {
    const rows = await db.query<Row[]>(
      `SELECT ${columns} FROM reservations WHERE activity_id = ? AND id > ? AND status = 'QUEUED' AND reserved_at < ? ORDER BY id LIMIT ?`,
      [activityId, afterId, before, limit],
    );
    return rows.map((row) => ({ ...toEntry(row), reservedAt: row.reserved_at }));
  },
};

const toEntry = (row: Row): LedgerEntry => ({
  reservationId: row.id,
  userId: row.user_id,
  orderNo: row.order_no,
  quantity: row.quantity,
  status: row.status,
  key: row.idempotency_key,
  updatedAt: row.updated_at,
});
