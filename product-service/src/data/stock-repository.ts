import type { EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { ReservationStatus, StockLine } from '../domain/stock';

interface Affected {
  affectedRows: number;
}
interface ReservationRow {
  product_id: string;
  quantity: number;
  status: ReservationStatus;
  revision: number;
}

export interface Reservation extends StockLine {
  status: ReservationStatus;
  /** Of the last resize, 0 before the first. */
  revision: number;
}

/** Every counter moves by a guarded UPDATE; a guard that fails is reported, never worked around. */
export const stockRepository = {
  /** The lines of one order, locked until the transaction ends. */
  async lockReservation(tx: EntityManager, orderId: string): Promise<Reservation[]> {
    const rows = await tx.query<ReservationRow[]>(
      'SELECT product_id, quantity, status, revision FROM stock_reservations WHERE order_id = ? ORDER BY product_id FOR UPDATE',
      [orderId],
    );
    return rows.map(({ product_id, ...row }) => ({ productId: product_id, ...row }));
  },

  async insertReservation(tx: EntityManager, orderId: string, lines: StockLine[]): Promise<void> {
    const now = new Date();
    const rows = lines.map(({ productId, quantity }) => [orderId, productId, quantity, 'RESERVED', now, now]);
    const columns = ['order_id', 'product_id', 'quantity', 'status', 'created_at', 'updated_at'];
    await insertRows(tx, 'stock_reservations', { columns, rows });
  },

  /** A line of no product, where the order has none yet: whoever reserves for it from now on finds it released. */
  async forbidReservation(tx: EntityManager, orderId: string): Promise<void> {
    if ((await this.lockReservation(tx, orderId)).length > 0) return;
    const now = new Date();
    const columns = ['order_id', 'product_id', 'quantity', 'status', 'created_at', 'updated_at'];
    const rows = [[orderId, '0', 0, 'RELEASED', now, now]];
    await insertRows(tx, 'stock_reservations', { columns, rows, ignoreDuplicates: true });
  },

  async markReservation(tx: EntityManager, orderId: string, status: ReservationStatus): Promise<void> {
    await tx.query('UPDATE stock_reservations SET status = ?, updated_at = ? WHERE order_id = ?', [
      status,
      new Date(),
      orderId,
    ]);
  },

  async resizeReservation(
    tx: EntityManager,
    orderId: string,
    { productId, quantity, revision }: StockLine & { revision: number },
  ): Promise<void> {
    await tx.query(
      'UPDATE stock_reservations SET quantity = ?, revision = ?, updated_at = ? WHERE order_id = ? AND product_id = ?',
      [quantity, revision, new Date(), orderId, productId],
    );
  },

  /** Free → reserved; false when the product is not on sale or has too few. */
  reserve: (tx: EntityManager, { productId, quantity }: StockLine): Promise<boolean> =>
    changedOne(
      tx,
      `UPDATE products SET stock = stock - ?, reserved = reserved + ? WHERE id = ? AND stock >= ? AND status = 'ON_SALE'`,
      [quantity, quantity, productId, quantity],
    ),

  /** Reserved → sold. */
  confirm: (tx: EntityManager, { productId, quantity }: StockLine): Promise<boolean> =>
    changedOne(
      tx,
      'UPDATE products SET reserved = reserved - ?, sold = sold + ? WHERE id = ? AND reserved >= ?',
      [quantity, quantity, productId, quantity],
    ),

  /** Reserved → free. */
  release: (tx: EntityManager, { productId, quantity }: StockLine): Promise<boolean> =>
    changedOne(
      tx,
      'UPDATE products SET reserved = reserved - ?, stock = stock + ? WHERE id = ? AND reserved >= ?',
      [quantity, quantity, productId, quantity],
    ),

  /** What comes in or goes out; false when fewer than that many are free. */
  adjust: (tx: EntityManager, productId: string, delta: number): Promise<boolean> =>
    changedOne(
      tx,
      'UPDATE products SET stock = stock + ?, version = version + 1 WHERE id = ? AND stock + ? >= 0',
      [delta, productId, delta],
    ),

  /** Stock and version, which nobody else changes until the transaction ends. */
  async lock(tx: EntityManager, productId: string): Promise<{ stock: number; version: number } | undefined> {
    const [row] = await tx.query<{ stock: number; version: number }[]>(
      'SELECT stock, version FROM products WHERE id = ? FOR UPDATE',
      [productId],
    );
    return row;
  },

  async record(tx: EntityManager, entry: StockLedgerEntry): Promise<void> {
    const columns = ['product_id', 'delta', 'reason', 'reference', 'created_at'];
    await insertRows(tx, 'stock_ledger', {
      columns,
      rows: [[entry.productId, entry.delta, entry.reason, entry.reference, new Date()]],
    });
  },
};

/** A change of the free stock, and why: `created`, `reserved`, `released` or an operator's own words. */
export interface StockLedgerEntry {
  productId: string;
  delta: number;
  reason: string;
  reference: string;
}

async function changedOne(tx: EntityManager, sql: string, parameters: unknown[]): Promise<boolean> {
  const result = await tx.query<Affected>(sql, parameters);
  return result.affectedRows === 1;
}
