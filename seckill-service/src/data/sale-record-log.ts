import type { EntityManager } from 'typeorm';
import { nextRecord, noRecord, type Admitted, type NewRecord, type SaleRecord } from '../domain/sale-record';

interface Row {
  seq: number;
  kind: string;
  payload: string;
  recorded_at: Date;
  previous_hash: string;
  hash: string;
}

/** The record of a sale: rows are only ever added, and each holds the hash of the one before. */
export const saleRecordLog = {
  /** The caller has locked the activity's row, and changes the ledger in the same transaction: the chain has one end, and tells what happened. */
  async append(tx: EntityManager, activityId: string, record: NewRecord): Promise<void> {
    const [last = noRecord] = await tx.query<Pick<Row, 'seq' | 'hash'>[]>(
      'SELECT seq, hash FROM sale_records WHERE activity_id = ? ORDER BY seq DESC LIMIT 1',
      [activityId],
    );
    const next = nextRecord(activityId, last, { ...record, recordedAt: new Date() });
    await tx.query(
      'INSERT INTO sale_records (activity_id, seq, kind, payload, recorded_at, previous_hash, hash) VALUES (?)',
      [[activityId, next.seq, next.kind, next.payload, next.recordedAt, next.previousHash, next.hash]],
    );
  },

  async findLastAdmitted(tx: EntityManager, activityId: string): Promise<Admitted | undefined> {
    const [row] = await tx.query<Pick<Row, 'payload'>[]>(
      `SELECT payload FROM sale_records WHERE activity_id = ? AND kind = 'ADMITTED' ORDER BY seq DESC LIMIT 1`,
      [activityId],
    );
    return row && (JSON.parse(row.payload) as Admitted);
  },

  /** The next ones, in their order; empty when there are no more. */
  async page(
    tx: EntityManager,
    activityId: string,
    { afterSeq, limit }: { afterSeq: number; limit: number },
  ): Promise<SaleRecord[]> {
    const rows = await tx.query<Row[]>(
      `SELECT seq, kind, payload, recorded_at, previous_hash, hash FROM sale_records
        WHERE activity_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
      [activityId, afterSeq, limit],
    );
    return rows.map((row) => ({
      activityId,
      seq: row.seq,
      kind: row.kind,
      payload: row.payload,
      recordedAt: row.recorded_at,
      previousHash: row.previous_hash,
      hash: row.hash,
    }));
  },
};
