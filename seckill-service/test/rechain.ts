import { hashOf, noRecord } from '../src/domain/sale-record';
import type { Fixture } from './fixture';

export interface ChainedRecord {
  kind: string;
  payload: string;
  recorded_at: Date;
}

/** Makes the record of a sale anew with everything changed that `change` changes, so that every hash is right. */
export async function rechain(
  { db }: Fixture,
  activityId: string,
  change: (records: ChainedRecord[]) => ChainedRecord[],
): Promise<void> {
  const records = await db.query<ChainedRecord[]>(
    'SELECT kind, payload, recorded_at FROM sale_records WHERE activity_id = ? ORDER BY seq',
    [activityId],
  );
  await db.query('DELETE FROM sale_records WHERE activity_id = ?', [activityId]);
  let previousHash = noRecord.hash;
  for (const [index, { kind, payload, recorded_at: recordedAt }] of change(records).entries()) {
    const record = { activityId, seq: index + 1, kind, payload, recordedAt, previousHash };
    const hash = hashOf(record);
    await db.query('INSERT INTO sale_records VALUES (?)', [
      [activityId, record.seq, kind, payload, recordedAt, previousHash, hash],
    ]);
    previousHash = hash;
  }
}
