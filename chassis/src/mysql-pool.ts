import type { Pool } from 'mysql2';
import type { DataSource } from 'typeorm';
import type { Metrics } from './metrics';

/** mysql2 counts its connections nowhere else. */
interface Counts {
  _allConnections: { length: number };
  _freeConnections: { length: number };
  _connectionQueue: { length: number };
}

/** How the connections of a pool are used, counted when somebody looks. */
export function watchPool(db: DataSource, limit: number, metrics: Metrics): void {
  // There is none before the start, and after the end.
  const counts = () => (db.driver as { pool?: Pool }).pool as (Pool & Counts) | undefined;
  const gauge = (name: string, help: string, count: (pool: Counts) => number) =>
    metrics.gauge(name, help, [], {
      collect: (gauge) => {
        const pool = counts();
        gauge.set(pool ? count(pool) : 0);
      },
    });
  gauge('mysql_connections_open', 'Connections of the pool', (pool) => pool._allConnections.length);
  gauge(
    'mysql_connections_in_use',
    'Connections of the pool that somebody has taken',
    (pool) => pool._allConnections.length - pool._freeConnections.length,
  );
  gauge(
    'mysql_connections_waiting',
    'Who waits for a connection of the pool',
    (pool) => pool._connectionQueue.length,
  );
  metrics.gauge('mysql_connections_limit', 'The most connections of the pool').set(limit);
}
