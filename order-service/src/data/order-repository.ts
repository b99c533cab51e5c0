import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { Order, OrderChange } from '../domain/order';
import { canBecome, type OrderStatus } from '../domain/order-states';
import { errors } from '../errors';
import { itemsOf, toOrder, type ItemRow, type OrderRow } from './order-rows';

export interface StatusChange {
  from: OrderStatus;
  to: OrderStatus;
  at: Date;
  by: string;
  cancelReason?: string;
}

const orderColumns = [
  'id',
  'user_id',
  'kind',
  'status',
  'total_amount',
  'currency',
  'reservation_id',
  'activity_id',
  'expires_at',
  'created_at',
  'updated_at',
  'batch_id',
];

/** Orders with their items and their history. Every change of status goes through `changeStatus`. */
export const orderRepository = {
  /** Writes those that are not there yet, and returns them: a second delivery meets the unique reservation id. */
  async insertNew(tx: EntityManager, orders: Order[]): Promise<Order[]> {
    const batchId = randomUUID();
    const rows = orders.map((order) => [
      order.id,
      order.userId,
      order.kind,
      order.status,
      order.totalAmount,
      order.currency,
      order.reservationId,
      order.activityId,
      order.expiresAt,
      order.createdAt,
      order.createdAt,
      batchId,
    ]);
    const inserted = await insertRows(tx, 'orders', { columns: orderColumns, rows, ignoreDuplicates: true });
    const created = inserted === orders.length ? orders : await onlyOfBatch(tx, batchId, orders);
    await insertItems(tx, created);
    return created;
  },

  /** False when the order is not in `from` any more; throws when no order may ever go that way. */
  async changeStatus(tx: EntityManager, orderId: string, change: StatusChange): Promise<boolean> {
    const { from, to, at, by, cancelReason = null } = change;
    if (!canBecome(from, to)) throw errors.illegalTransition({ meta: { orderId, from, to } });
    const result = await tx.query<{ affectedRows: number }>(
      `UPDATE orders SET status = ?, updated_at = ?, paid_at = IF(? = 'PAID', ?, paid_at),
         cancelled_at = IF(? = 'CANCELLED', ?, cancelled_at), cancel_reason = COALESCE(?, cancel_reason) WHERE id = ? AND status = ?`,
      [to, at, to, at, to, at, cancelReason, orderId, from],
    );
    if (result.affectedRows === 0) return false;
    await insertHistory(tx, [{ orderId, from, to, at, by }]);
    return true;
  },

  /** Locked until the transaction ends. */
  async lock(tx: EntityManager, orderId: string): Promise<Order | null> {
    const rows = await tx.query<OrderRow[]>('SELECT * FROM orders WHERE id = ? FOR UPDATE', [orderId]);
    return (await withItems(tx, rows))[0] ?? null;
  },

  async find(db: DataSource, orderId: string): Promise<Order | null> {
    const rows = await db.query<OrderRow[]>('SELECT * FROM orders WHERE id = ?', [orderId]);
    return (await withItems(db.manager, rows))[0] ?? null;
  },

  /** The changes of each of these orders, oldest first, by order id. */
  async histories(db: DataSource, orders: Order[]): Promise<Map<string, OrderChange[]>> {
    if (orders.length === 0) return new Map();
    const rows = await db.query<HistoryRow[]>(
      'SELECT order_id, from_status, to_status, changed_at, changed_by FROM order_history WHERE order_id IN (?) ORDER BY id',
      [orders.map((order) => order.id)],
    );
    const byOrder = Map.groupBy(rows, (row) => row.order_id);
    return new Map(
      orders.map((order) => [order.id, withCreation(order, (byOrder.get(order.id) ?? []).map(toChange))]),
    );
  },

  /** Newest first; of one user, or of all. */
  async list(db: DataSource, filter: OrderFilter): Promise<{ items: Order[]; total: number }> {
    const conditions = ['1 = 1'];
    const parameters: unknown[] = [];
    if (filter.userId) {
      conditions.push('user_id = ?');
      parameters.push(filter.userId);
    }
    if (filter.status) {
      conditions.push('status = ?');
      parameters.push(filter.status);
    }
    const where = conditions.join(' AND ');
    const [count] = await db.query<{ total: string }[]>(
      `SELECT COUNT(*) AS total FROM orders WHERE ${where}`,
      parameters,
    );
    const rows = await db.query<OrderRow[]>(
      `SELECT * FROM orders WHERE ${where} ORDER BY id DESC LIMIT ? OFFSET ?`,
      [...parameters, filter.pageSize, (filter.page - 1) * filter.pageSize],
    );
    return { items: await withItems(db.manager, rows), total: Number(count?.total ?? 0) };
  },

  /** Unpaid orders whose time is up. */
  async findOverdue(db: DataSource, now: Date, limit: number): Promise<string[]> {
    const rows = await db.query<{ id: string }[]>(
      `SELECT id FROM orders WHERE status = 'CREATED' AND expires_at <= ? ORDER BY expires_at LIMIT ?`,
      [now, limit],
    );
    return rows.map((row) => row.id);
  },

  /** Unpaid orders whose time is up until then, after that one, in the order of their time. */
  async findDue(
    db: DataSource,
    { after, until, limit }: { after: DueOrder; until: Date; limit: number },
  ): Promise<DueOrder[]> {
    const rows = await db.query<Pick<OrderRow, 'id' | 'expires_at'>[]>(
      `SELECT id, expires_at FROM orders WHERE status = 'CREATED' AND expires_at >= ? AND expires_at <= ?
          AND (expires_at > ? OR id > ?) ORDER BY expires_at, id LIMIT ?`,
      [after.expiresAt, until, after.expiresAt, after.id, limit],
    );
    return rows.map((row) => ({ id: row.id, expiresAt: row.expires_at }));
  },
};

type DueOrder = Pick<Order, 'id' | 'expiresAt'>;

export interface OrderFilter {
  userId?: string | undefined;
  status?: OrderStatus | undefined;
  page: number;
  pageSize: number;
}

async function onlyOfBatch(tx: EntityManager, batchId: string, orders: Order[]): Promise<Order[]> {
  const ids = orders.map((order) => order.id);
  const rows = await tx.query<{ id: string }[]>('SELECT id FROM orders WHERE id IN (?) AND batch_id = ?', [
    ids,
    batchId,
  ]);
  const created = new Set(rows.map((row) => row.id));
  return orders.filter((order) => created.has(order.id));
}

async function insertItems(tx: EntityManager, orders: Order[]): Promise<void> {
  const rows = orders.flatMap((order) =>
    order.items.map((item, line) => [order.id, line, item.productId, item.name, item.price, item.quantity]),
  );
  await insertRows(tx, 'order_items', {
    columns: ['order_id', 'line', 'product_id', 'name', 'price', 'quantity'],
    rows,
  });
}

async function insertHistory(
  tx: EntityManager,
  changes: (OrderChange & { orderId: string })[],
): Promise<void> {
  const rows = changes.map(({ orderId, from, to, at, by }) => [orderId, from, to, at, by]);
  await insertRows(tx, 'order_history', {
    columns: ['order_id', 'from_status', 'to_status', 'changed_at', 'changed_by'],
    rows,
  });
}

async function withItems(manager: EntityManager, rows: OrderRow[]): Promise<Order[]> {
  if (rows.length === 0) return [];
  const items = await manager.query<ItemRow[]>(
    'SELECT * FROM order_items WHERE order_id IN (?) ORDER BY order_id, line',
    [rows.map((row) => row.id)],
  );
  return rows.map((row) => toOrder(row, itemsOf(row.id, items)));
}

interface HistoryRow {
  order_id: string;
  from_status: OrderStatus | null;
  to_status: OrderStatus;
  changed_at: Date;
  changed_by: string;
}

/** The order itself tells how it began. Orders of versions before have a row of it besides. */
const withCreation = (order: Order, changes: OrderChange[]): OrderChange[] =>
  changes[0]?.from === null
    ? changes
    : [{ from: null, to: 'CREATED', at: order.createdAt, by: `user:${order.userId}` }, ...changes];

const toChange = (row: HistoryRow): OrderChange => ({
  from: row.from_status,
  to: row.to_status,
  at: row.changed_at,
  by: row.changed_by,
});
