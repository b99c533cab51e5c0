import { setTimeout as wait } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { MessageBroker, NewEvent } from './message-broker';
import type { Metrics } from './metrics';
import { insertRows } from './mysql';

/** The statements that a service's first migration runs. */
export const outboxMigrationSql = (): string[] => [
  `CREATE TABLE outbox (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    event_id char(36) NOT NULL,
    type varchar(64) NOT NULL,
    version int NOT NULL,
    event_key varchar(64) NOT NULL,
    payload longtext NOT NULL,
    traceparent varchar(64) NULL,
    occurred_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_outbox_event_id (event_id)
  ) DEFAULT CHARSET=utf8mb4`,
];

/** Events leave in the transaction that changes the state, and reach the broker afterwards, in the order of their rows, at least once. */
export interface Outbox extends Component {
  add(tx: EntityManager, events: NewEvent[]): Promise<void>;
  /** Call after the commit: the relay looks at once instead of at its next turn. */
  wake(): void;
  pending(): Promise<number>;
}

interface Row {
  id: string;
  event_id: string;
  type: string;
  version: number;
  event_key: string;
  payload: string;
  traceparent: string | null;
  occurred_at: Date;
}

const columns = ['event_id', 'type', 'version', 'event_key', 'payload', 'traceparent', 'occurred_at'];
const restMs = 25;

export function createOutbox(options: {
  db: DataSource;
  broker: MessageBroker;
  logger: Logger;
  metrics: Metrics;
  pollMs?: number;
  batchSize?: number;
}): Outbox {
  const { db, broker, logger, pollMs = 1_000, batchSize = 1_000 } = options;
  const published = options.metrics.counter('outbox_published_total', 'Outbox rows handed to the broker');
  let running = false;
  let loop = Promise.resolve();
  let nudge = new AbortController();

  /** One relay at a time: the rows stay locked until the broker has them, and a second relay gives way. */
  async function publishBatch(): Promise<number> {
    return db.transaction(async (tx) => {
      const rows = await tx
        .query<Row[]>('SELECT * FROM outbox ORDER BY id LIMIT ? FOR UPDATE NOWAIT', [batchSize])
        .catch(giveWay);
      if (rows.length === 0) return 0;
      await broker.publish(rows.map(toEvent));
      await tx.query('DELETE FROM outbox WHERE id IN (?)', [rows.map((row) => row.id)]);
      published.inc(rows.length);
      return rows.length;
    });
  }

  async function turn(): Promise<void> {
    try {
      while (running) {
        const published = await publishBatch();
        if (published === 0) break;
        // Under load a short rest makes large batches, and each costs little.
        if (published < batchSize) await wait(restMs);
      }
    } catch (error) {
      logger.warn('outbox not published, trying again', { error });
      await wait(500);
    }
    if (running && !nudge.signal.aborted)
      await wait(pollMs, undefined, { signal: nudge.signal }).catch(() => undefined);
    nudge = new AbortController();
  }

  return {
    name: 'outbox',
    start() {
      running = true;
      loop = (async () => {
        while (running) await turn();
      })();
      return Promise.resolve();
    },
    async stop() {
      running = false;
      nudge.abort();
      await loop;
    },
    async add(tx, events) {
      const rows = events.map((event) => [
        event.id,
        event.type,
        event.version,
        event.key,
        JSON.stringify(event.payload),
        event.traceparent ?? null,
        event.occurredAt,
      ]);
      await insertRows(tx, 'outbox', { columns, rows });
    },
    wake: () => nudge.abort(),
    async pending() {
      const [row] = await db.query<{ pending: string }[]>('SELECT COUNT(*) AS pending FROM outbox');
      return Number(row?.pending ?? 0);
    },
  };
}

/** Another relay holds the rows. MySQL says 3572, MariaDB reports a lock wait timeout. */
function giveWay(error: unknown): Row[] {
  const code = (error as { code?: string }).code;
  if (code === 'ER_LOCK_NOWAIT' || code === 'ER_LOCK_WAIT_TIMEOUT') return [];
  throw error;
}

const toEvent = (row: Row): NewEvent => ({
  id: row.event_id,
  type: row.type,
  version: row.version,
  key: row.event_key,
  occurredAt: row.occurred_at,
  payload: JSON.parse(row.payload) as unknown,
  ...(row.traceparent && { traceparent: row.traceparent }),
});
