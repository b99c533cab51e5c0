import mysql from 'mysql2/promise';
import { schemaOf, type Servers } from '../environment';
import { readEvents, type SaleEvents } from './events';
import { connectRedis, findLiveSales, readLiveSales } from './live-sales';

/** What the servers say about one activity, in units unless said otherwise. Nothing of it comes from the program's own counters. */
export interface SaleFacts {
  total: number;
  perUserLimit: number;
  /** Redis. */
  free: number;
  inStream: number;
  /** seckill-service's ledger. */
  sold: number;
  reservations: Reservation[];
  /** order-service. */
  orders: OrderFact[];
  /** payment-service. */
  payments: PaymentFact[];
  /** Sum of all lines of the journal, in fen. */
  journalSum: number;
  /** product-service: what came in for this product, and what it has now. */
  stock: { cameIn: number; free: number; reserved: number; sold: number };
  events: SaleEvents;
}

export interface Reservation {
  id: string;
  userId: string;
  orderNo: string;
  quantity: number;
  status: 'QUEUED' | 'ORDERED' | 'REJECTED' | 'RELEASED';
}

export interface OrderFact {
  id: string;
  userId: string;
  reservationId: string;
  status: string;
  quantity: number;
  cancelReason: string | null;
}

export interface PaymentFact {
  orderId: string;
  status: string;
  amount: number;
  refunded: number;
}

/** Reads all facts of an activity once. Take it when the sale is quiet: the servers are read one after the other. */
export async function readFacts(options: {
  servers: Servers;
  namespace: string;
  activityId: string;
}): Promise<SaleFacts> {
  const { servers, namespace, activityId } = options;
  const connection = await mysql.createConnection({
    uri: servers.MYSQL_ADMIN_URL,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  const redis = connectRedis(servers.REDIS_URL);
  const query = async <T>(sql: string, parameters: unknown[] = []): Promise<T[]> => {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(sql, parameters);
    return rows as T[];
  };
  const schema = (service: string) => schemaOf(namespace, service);
  try {
    const [activity] = await query<{
      total: number;
      sold: number;
      per_user_limit: number;
      product_id: string;
      buckets: number;
    }>(
      `SELECT total, sold, per_user_limit, product_id, buckets FROM ${schema('seckill')}.activities WHERE id = ?`,
      [activityId],
    );
    if (!activity) throw new Error(`no activity ${activityId} in the ledger`);
    const sales = await findLiveSales(redis, { namespace, activityId, buckets: activity.buckets });
    return {
      total: activity.total,
      perUserLimit: activity.per_user_limit,
      sold: activity.sold,
      ...(await readLiveSales(redis, sales)),
      reservations: await query(
        `SELECT id, user_id AS userId, order_no AS orderNo, quantity, status FROM ${schema('seckill')}.reservations WHERE activity_id = ?`,
        [activityId],
      ),
      orders: await query(
        `SELECT o.id, o.user_id AS userId, o.reservation_id AS reservationId, o.status, i.quantity, o.cancel_reason AS cancelReason
         FROM ${schema('order')}.orders o JOIN ${schema('order')}.order_items i ON i.order_id = o.id WHERE o.activity_id = ?`,
        [activityId],
      ),
      payments: numbers(
        await query(
          `SELECT p.order_id AS orderId, p.status, p.amount, p.refunded_amount AS refunded FROM ${schema('payment')}.payments p
           JOIN ${schema('order')}.orders o ON o.id = p.order_id WHERE o.activity_id = ?`,
          [activityId],
        ),
      ),
      journalSum: await journalSum(query, schema('payment')),
      stock: await readStock(query, schema('product'), activity.product_id),
      events: await readEvents(servers, namespace, activityId),
    };
  } finally {
    redis.disconnect();
    await connection.end();
  }
}

type Query = <T>(sql: string, parameters?: unknown[]) => Promise<T[]>;

const numbers = (rows: PaymentFact[]): PaymentFact[] =>
  rows.map((row) => ({ ...row, amount: Number(row.amount), refunded: Number(row.refunded) }));

async function journalSum(query: Query, schema: string): Promise<number> {
  const [row] = await query<{ total: string | null }>(
    `SELECT SUM(debit) - SUM(credit) AS total FROM ${schema}.journal_entries`,
  );
  return Number(row?.total ?? 0);
}

async function readStock(query: Query, schema: string, productId: string): Promise<SaleFacts['stock']> {
  const [product] = await query<{ stock: number; reserved: number; sold: number }>(
    `SELECT stock, reserved, sold FROM ${schema}.products WHERE id = ?`,
    [productId],
  );
  const [ledger] = await query<{ total: string | null }>(
    `SELECT SUM(delta) AS total FROM ${schema}.stock_ledger WHERE product_id = ? AND reason NOT IN ('reserved', 'released')`,
    [productId],
  );
  return {
    cameIn: Number(ledger?.total ?? 0),
    free: product?.stock ?? 0,
    reserved: product?.reserved ?? 0,
    sold: product?.sold ?? 0,
  };
}
