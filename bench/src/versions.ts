import mysql from 'mysql2/promise';
import { Redis } from 'ioredis';
import type { Servers } from '@onrush/e2e/environment';

/** Of what was measured, as the servers themselves say. */
export async function versionsOf(servers: Servers): Promise<Record<string, string>> {
  const connection = await mysql.createConnection(servers.MYSQL_ADMIN_URL);
  const [rows] = await connection.query<mysql.RowDataPacket[]>(
    'SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flush',
  );
  await connection.end();
  const redis = new Redis(servers.REDIS_URL);
  const info = await redis.info('server');
  const [, fsync = ''] = await redis.config('GET', 'appendfsync');
  redis.disconnect();
  return {
    node: process.versions.node,
    mysql: `${String(rows[0]?.['version'])} (innodb_flush_log_at_trx_commit=${String(rows[0]?.['flush'])})`,
    redis: `${/redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'} (appendfsync ${fsync})`,
    kafka: '4.2.0',
  };
}
