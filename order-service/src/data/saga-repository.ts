import type { DataSource, EntityManager } from 'typeorm';
import { insertRows, isDuplicateKey } from '@onrush/chassis/mysql';

/** ABORTING: there will be no order, and its stock may still be reserved. */
export type SagaState = 'RESERVING' | 'DONE' | 'ABORTING' | 'ABORTED';

/** How far the placing of an ordinary order has come; it also remembers the answer under the client's Idempotency-Key. */
export interface Saga {
  orderId: string;
  userId: string;
  idempotencyKey: string;
  requestHash: string;
  state: SagaState;
  answer: string | null;
}

interface Row {
  order_id: string;
  user_id: string;
  idempotency_key: string;
  request_hash: string;
  state: SagaState;
  answer: string | null;
}

export const sagaRepository = {
  /** False when the user has used this key before. */
  async begin(db: DataSource, saga: Omit<Saga, 'state' | 'answer'>): Promise<boolean> {
    const now = new Date();
    const columns = [
      'order_id',
      'user_id',
      'idempotency_key',
      'request_hash',
      'state',
      'created_at',
      'updated_at',
    ];
    try {
      const row = [saga.orderId, saga.userId, saga.idempotencyKey, saga.requestHash, 'RESERVING', now, now];
      await insertRows(db.manager, 'sagas', { columns, rows: [row] });
      return true;
    } catch (error) {
      if (isDuplicateKey(error, 'uq_sagas_idempotency_key')) return false;
      throw error;
    }
  },

  async findByKey(db: DataSource, userId: string, idempotencyKey: string): Promise<Saga | undefined> {
    const [row] = await db.query<Row[]>('SELECT * FROM sagas WHERE user_id = ? AND idempotency_key = ?', [
      userId,
      idempotencyKey,
    ]);
    return row && toSaga(row);
  },

  /** False when somebody else has ended it. */
  async end(
    tx: EntityManager,
    orderId: string,
    { state, answer }: { state: 'DONE' | 'ABORTING'; answer: string },
  ): Promise<boolean> {
    const result = await tx.query<{ affectedRows: number }>(
      `UPDATE sagas SET state = ?, answer = ?, updated_at = ? WHERE order_id = ? AND state = 'RESERVING'`,
      [state, answer, new Date(), orderId],
    );
    return result.affectedRows === 1;
  },

  async markAborted(db: DataSource, orderId: string): Promise<void> {
    await db.query(
      `UPDATE sagas SET state = 'ABORTED', updated_at = ? WHERE order_id = ? AND state = 'ABORTING'`,
      [new Date(), orderId],
    );
  },

  async findStale(db: DataSource, before: Date): Promise<Saga[]> {
    const rows = await db.query<Row[]>(
      `SELECT * FROM sagas WHERE state IN ('RESERVING', 'ABORTING') AND updated_at < ? LIMIT 100`,
      [before],
    );
    return rows.map(toSaga);
  },
};

const toSaga = (row: Row): Saga => ({
  orderId: row.order_id,
  userId: row.user_id,
  idempotencyKey: row.idempotency_key,
  requestHash: row.request_hash,
  state: row.state,
  answer: row.answer,
});
