import mysql from 'mysql2/promise';
import { until } from '../activity';
import { schemaOf, type Servers } from '../environment';
import { connectRedis, findLiveSales, waitingInStreams } from './live-sales';

/**
 * Waits until nothing of an activity is on its way: the stream and the outboxes are empty, every reservation has its order or its end, and no
 * order waits for money. False when time is up.
 */
export async function waitUntilSettled(options: {
  servers: Servers;
  namespace: string;
  activityId: string;
  limitMs: number;
  unpaidMayRemain?: boolean;
}): Promise<boolean> {
  const { servers, namespace, activityId } = options;
  const connection = await mysql.createConnection({ uri: servers.MYSQL_ADMIN_URL });
  const redis = connectRedis(servers.REDIS_URL);
  const schema = (service: string) => schemaOf(namespace, service);
  const count = async (sql: string, parameters: unknown[] = []): Promise<number> => {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      `SELECT COUNT(*) AS n FROM ${sql}`,
      parameters,
    );
    return Number(rows[0]?.['n']);
  };
  const findSales = async () => {
    const sql = `SELECT buckets FROM ${schema('seckill')}.activities WHERE id = ?`;
    const [rows] = await connection.query<mysql.RowDataPacket[]>(sql, [activityId]);
    const buckets = Number(rows[0]?.['buckets'] ?? 1);
    return findLiveSales(redis, { namespace, activityId, buckets });
  };
  const onTheWay = async (): Promise<number> => {
    const queued = await count(
      `${schema('seckill')}.reservations WHERE activity_id = ? AND status = 'QUEUED'`,
      [activityId],
    );
    const unpaid = options.unpaidMayRemain
      ? 0
      : await count(`${schema('order')}.orders WHERE activity_id = ? AND status = 'CREATED'`, [activityId]);
    const cancelledOnly = await count(
      `${schema('order')}.orders o JOIN ${schema('seckill')}.reservations r ON r.id = o.reservation_id
       WHERE o.activity_id = ? AND o.status = 'CANCELLED' AND r.status <> 'RELEASED'`,
      [activityId],
    );
    const capturedUnsettled = await count(
      `${schema('payment')}.payments p JOIN ${schema('order')}.orders o ON o.id = p.order_id
       WHERE o.activity_id = ? AND p.status = 'SUCCEEDED' AND p.refunded_amount < p.amount AND o.status <> 'PAID'`,
      [activityId],
    );
    let outboxes = 0;
    for (const service of ['seckill', 'order', 'payment'])
      for (const table of ['outbox', 'outbox_batches'])
        outboxes += await count(`${schema(service)}.${table}`);
    const waiting = await waitingInStreams(redis, await findSales());
    return queued + unpaid + cancelledOnly + capturedUnsettled + outboxes + waiting;
  };
  try {
    return await until(async () => (await onTheWay()) === 0, options.limitMs);
  } finally {
    redis.disconnect();
    await connection.end();
  }
}
