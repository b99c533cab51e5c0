import type { DataSource, EntityManager } from 'typeorm';
import { insertRows, isDuplicateKey } from '@onrush/chassis/mysql';
import type { JournalLine } from '../domain/journal';
import type { Payment, PaymentStatus } from '../domain/payment';
import type { Refund } from '../domain/refund';

interface Row {
  id: string;
  payment_no: string;
  order_id: string;
  user_id: string;
  channel: string;
  amount: string;
  currency: 'CNY';
  status: PaymentStatus;
  refunded_amount: string;
  trade_no: string | null;
  expires_at: Date;
  created_at: Date;
  paid_at: Date | null;
}

const columns = [
  'id',
  'payment_no',
  'order_id',
  'user_id',
  'channel',
  'amount',
  'currency',
  'status',
  'expires_at',
  'created_at',
  'updated_at',
];

export const paymentRepository = {
  /** False when the order has a payment already. */
  async insert(tx: EntityManager, payment: Payment): Promise<boolean> {
    const { id, paymentNo, orderId, userId, channel, amount, currency, status, expiresAt, createdAt } =
      payment;
    const row = [
      id,
      paymentNo,
      orderId,
      userId,
      channel,
      amount,
      currency,
      status,
      expiresAt,
      createdAt,
      createdAt,
    ];
    try {
      await insertRows(tx, 'payments', { columns, rows: [row] });
      return true;
    } catch (error) {
      if (isDuplicateKey(error, 'uq_payments_order_id')) return false;
      throw error;
    }
  },

  find: (db: DataSource, id: string): Promise<Payment | null> => findBy(db.manager, 'id = ?', id),
  findByOrder: (db: DataSource, orderId: string): Promise<Payment | null> =>
    findBy(db.manager, 'order_id = ?', orderId),
  /** Locked until the transaction ends. */
  lockByNumber: (tx: EntityManager, paymentNo: string): Promise<Payment | null> =>
    findBy(tx, 'payment_no = ? FOR UPDATE', paymentNo),
  lockByOrder: (tx: EntityManager, orderId: string): Promise<Payment | null> =>
    findBy(tx, 'order_id = ? FOR UPDATE', orderId),

  async markCaptured(
    tx: EntityManager,
    id: string,
    { tradeNo, paidAt }: { tradeNo: string; paidAt: Date },
  ): Promise<void> {
    await tx.query(
      `UPDATE payments SET status = 'SUCCEEDED', trade_no = ?, paid_at = ?, updated_at = ? WHERE id = ?`,
      [tradeNo, paidAt, new Date(), id],
    );
  },

  async markFailed(tx: EntityManager, id: string, tradeNo: string): Promise<void> {
    await tx.query(
      `UPDATE payments SET status = 'FAILED', trade_no = ?, updated_at = ? WHERE id = ? AND status = 'PENDING'`,
      [tradeNo, new Date(), id],
    );
  },

  async markClosed(tx: EntityManager, id: string): Promise<void> {
    await tx.query(
      `UPDATE payments SET status = 'CLOSED', updated_at = ? WHERE id = ? AND status IN ('PENDING', 'FAILED')`,
      [new Date(), id],
    );
  },

  async reopen(tx: EntityManager, id: string): Promise<void> {
    await tx.query(
      `UPDATE payments SET status = 'PENDING', updated_at = ? WHERE id = ? AND status = 'FAILED'`,
      [new Date(), id],
    );
  },

  /** The guard that no payment gives back more than it took. */
  async addRefunded(tx: EntityManager, id: string, amount: number): Promise<boolean> {
    const result = await tx.query<{ affectedRows: number }>(
      'UPDATE payments SET refunded_amount = refunded_amount + ?, updated_at = ? WHERE id = ? AND refunded_amount + ? <= amount',
      [amount, new Date(), id, amount],
    );
    return result.affectedRows === 1;
  },

  /** False when the payment was refunded before. */
  async insertRefund(tx: EntityManager, refund: Refund): Promise<boolean> {
    const { id, refundNo, paymentId, amount, reason } = refund;
    const row = [id, refundNo, paymentId, amount, reason, 'SUCCEEDED', new Date()];
    const names = ['id', 'refund_no', 'payment_id', 'amount', 'reason', 'status', 'created_at'];
    try {
      await insertRows(tx, 'refunds', { columns: names, rows: [row] });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  },

  async book(tx: EntityManager, lines: JournalLine[]): Promise<void> {
    const now = new Date();
    const rows = lines.map((line) => [
      line.entryId,
      line.account,
      line.debit,
      line.credit,
      line.reference,
      now,
    ]);
    const names = ['entry_id', 'account', 'debit', 'credit', 'reference', 'booked_at'];
    await insertRows(tx, 'journal_entries', { columns: names, rows });
  },

  /** The order is over: no payment of it may begin any more. */
  async closeOrder(tx: EntityManager, orderId: string): Promise<void> {
    await insertRows(tx, 'closed_orders', {
      columns: ['order_id', 'closed_at'],
      rows: [[orderId, new Date()]],
      ignoreDuplicates: true,
    });
  },

  /** Waits for a cancellation that is being carried out. */
  async isOrderClosed(tx: EntityManager, orderId: string): Promise<boolean> {
    const rows = await tx.query<unknown[]>(
      'SELECT 1 FROM closed_orders WHERE order_id = ? LOCK IN SHARE MODE',
      [orderId],
    );
    return rows.length > 0;
  },

  async recordAnomaly(
    manager: EntityManager,
    anomaly: { paymentNo: string; reason: string; body: string },
  ): Promise<void> {
    const row = [anomaly.paymentNo, anomaly.reason, anomaly.body.slice(0, 4_000), new Date()];
    await insertRows(manager, 'payment_anomalies', {
      columns: ['payment_no', 'reason', 'body', 'seen_at'],
      rows: [row],
    });
  },
};

async function findBy(manager: EntityManager, condition: string, value: string): Promise<Payment | null> {
  const [row] = await manager.query<Row[]>(`SELECT * FROM payments WHERE ${condition}`, [value]);
  if (!row) return null;
  return {
    id: row.id,
    paymentNo: row.payment_no,
    orderId: row.order_id,
    userId: row.user_id,
    channel: row.channel,
    amount: Number(row.amount),
    currency: row.currency,
    status: row.status,
    refundedAmount: Number(row.refunded_amount),
    tradeNo: row.trade_no,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    paidAt: row.paid_at,
  };
}
