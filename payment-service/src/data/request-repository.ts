import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';

/** Which order a user's Idempotency-Key was used for. */
export const requestRepository = {
  async findOrder(db: DataSource, userId: string, idempotencyKey: string): Promise<string | undefined> {
    return find(db.manager, userId, idempotencyKey);
  },

  /** The order the key belongs to: this one, or that of an earlier request. */
  async remember(
    tx: EntityManager,
    request: { userId: string; idempotencyKey: string; orderId: string },
  ): Promise<string | undefined> {
    const { userId, idempotencyKey, orderId } = request;
    const columns = ['user_id', 'idempotency_key', 'order_id', 'created_at'];
    const row = [userId, idempotencyKey, orderId, new Date()];
    const inserted = await insertRows(tx, 'payment_requests', {
      columns,
      rows: [row],
      ignoreDuplicates: true,
    });
    return inserted === 1 ? orderId : find(tx, userId, idempotencyKey);
  },
};

async function find(
  manager: EntityManager,
  userId: string,
  idempotencyKey: string,
): Promise<string | undefined> {
  const rows = await manager.query<{ order_id: string }[]>(
    'SELECT order_id FROM payment_requests WHERE user_id = ? AND idempotency_key = ?',
    [userId, idempotencyKey],
  );
  return rows[0]?.order_id;
}
