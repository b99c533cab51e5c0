import { setTimeout as wait } from 'node:timers/promises';
import type { DataSource, EntityManager, MigrationInterface, QueryRunner } from 'typeorm';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { MessageBroker, NewEvent, OutgoingEvent } from './message-broker';
import type { Metrics } from './metrics';
import { insertRows, jsonLiteral, type MigrationClass } from './mysql';
import { watchOutbox } from './outbox-lag';

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

/**
 * The statements of the migration after it. Events that are written together are one row: in the middle of a sale a row, its locks and its way into
 * and out of the indexes cost more than its bytes. `outbox` stays for processes of the version before.
 */
export const outboxBatchesMigrationSql = (): string[] => [
  `CREATE TABLE outbox_batches (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    events int NOT NULL,
    body longtext NOT NULL,
    PRIMARY KEY (id)
  ) DEFAULT CHARSET=utf8mb4`,
];

/** The migration that runs them, the same in every service but for its place in the service's order. */
export const outboxBatchesMigration = (timestamp: string): MigrationClass =>
  class implements MigrationInterface {
    name = `CreateOutboxBatches${timestamp}`;

    async up(runner: QueryRunner): Promise<void> {
      for (const sql of outboxBatchesMigrationSql()) await runner.query(sql);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query('DROP TABLE outbox_batches');
    }
  };

/** Events leave in the transaction that changes the state, and reach the broker afterwards, in the order of their rows, at least once. */
export interface Outbox extends Component {
  add(tx: EntityManager, events: NewEvent[]): Promise<void>;
  /** Call after the commit: the relay looks at once instead of at its next turn. */
  wake(): void;
  /** How many events wait. */
  pending(): Promise<number>;
}

/** What a relay has locked, and publishes next. */
interface Taken {
  table: 'outbox' | 'outbox_batches';
  ids: string[];
  events: OutgoingEvent[];
}

const restMs = 25;
/** The most rows of few events each that go together. */
const rowsAtOnce = 1_000;
/** About as many characters go into one row, and one event at least: far below what a server takes in one statement. */
const charactersPerRow = 500_000;

export function createOutbox(options: {
  db: DataSource;
  broker: MessageBroker;
  logger: Logger;
  metrics: Metrics;
  pollMs?: number;
  batchSize?: number;
}): Outbox {
  const { db, broker, logger, pollMs = 1_000, batchSize = 2_000 } = options;
  const published = options.metrics.counter('outbox_published_total', 'Outbox events handed to the broker');
  let running = false;
  let loop = Promise.resolve();
  let nudge = new AbortController();
  watchOutbox(db, options.metrics, { isRunning: () => running, occurredAtMsOf });

  /** One relay at a time: the rows stay locked until the broker has them, and a second relay gives way. */
  async function publishBatch(): Promise<number> {
    return db.transaction(async (tx) => {
      const taken = await take(tx, batchSize).catch(giveWay);
      if (!taken) return 0;
      await broker.publish(taken.events);
      await tx.query(`DELETE FROM ${taken.table} WHERE id IN (?)`, [taken.ids]);
      published.inc(taken.events.length);
      return taken.events.length;
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
      const rows = inRows(events).map((row) => [row.length / linesPerEvent, jsonLiteral(row.join('\n'))]);
      await insertRows(tx, 'outbox_batches', { columns: ['events', 'body'], rows });
    },
    wake: () => nudge.abort(),
    async pending() {
      const [row] = await db.query<{ pending: string }[]>(
        'SELECT (SELECT COUNT(*) FROM outbox) + (SELECT COALESCE(SUM(events), 0) FROM outbox_batches) AS pending',
      );
      return Number(row?.pending ?? 0);
    },
  };
}

/** Rows of the version before go first: what happens next to the same order may have been written by one of this version. */
const take = async (tx: EntityManager, batchSize: number): Promise<Taken | undefined> =>
  (await takeSingles(tx, batchSize)) ?? (await takeBatches(tx, batchSize));

async function takeSingles(tx: EntityManager, batchSize: number): Promise<Taken | undefined> {
  const rows = await tx.query<SingleRow[]>('SELECT * FROM outbox ORDER BY id LIMIT ? FOR UPDATE NOWAIT', [
    batchSize,
  ]);
  if (rows.length === 0) return undefined;
  return { table: 'outbox', ids: rows.map((row) => row.id), events: rows.map(toEvent) };
}

/** As many as make a batch, and one row at least. How long the others are is of no interest, so their bodies are not read. */
async function takeBatches(tx: EntityManager, batchSize: number): Promise<Taken | undefined> {
  const waiting = await tx.query<{ id: string; events: number }[]>(
    'SELECT id, events FROM outbox_batches ORDER BY id LIMIT ? FOR UPDATE NOWAIT',
    [rowsAtOnce],
  );
  let events = 0;
  const ids = waiting
    .filter((row, index) => (events += row.events) <= batchSize || index === 0)
    .map((row) => row.id);
  if (ids.length === 0) return undefined;
  const rows = await tx.query<{ body: string }[]>(
    'SELECT body FROM outbox_batches WHERE id IN (?) ORDER BY id',
    [ids],
  );
  return { table: 'outbox_batches', ids, events: rows.flatMap(({ body }) => eventsIn(body)) };
}

/** Another relay holds the rows. MySQL says 3572, MariaDB reports a lock wait timeout. */
function giveWay(error: unknown): undefined {
  const code = (error as { code?: string }).code;
  if (code === 'ER_LOCK_NOWAIT' || code === 'ER_LOCK_WAIT_TIMEOUT') return undefined;
  throw error;
}

/** An event is two lines of JSON, its head and its payload: the relay passes the second on as it is. */
const linesPerEvent = 2;

type Head = [
  id: string,
  type: string,
  version: number,
  key: string,
  occurredAtMs: number,
  traceparent?: string,
];

const occurredAtMsOf = (body: string): number => (JSON.parse(body.slice(0, body.indexOf('\n'))) as Head)[4];

const linesOf = ({ id, type, version, key, occurredAt, traceparent, payload }: NewEvent): string[] => {
  const head: Head = [id, type, version, key, occurredAt.getTime()];
  if (traceparent) head.push(traceparent);
  return [JSON.stringify(head), JSON.stringify(payload)];
};

/** The lines of each row. */
function inRows(events: NewEvent[]): string[][] {
  const rows: string[][] = [];
  let characters = charactersPerRow;
  for (const event of events) {
    const lines = linesOf(event);
    if (characters >= charactersPerRow) {
      rows.push([]);
      characters = 0;
    }
    for (const line of lines) {
      rows.at(-1)?.push(line);
      characters += line.length;
    }
  }
  return rows;
}

function eventsIn(body: string): OutgoingEvent[] {
  const lines = body.split('\n');
  return Array.from({ length: lines.length / linesPerEvent }, (_, index) => {
    const at = index * linesPerEvent;
    const [id, type, version, key, occurredAtMs, traceparent] = JSON.parse(lines[at] ?? '') as Head;
    const event = { id, type, version, key, occurredAt: new Date(occurredAtMs), json: lines[at + 1] ?? '' };
    return traceparent ? { ...event, traceparent } : event;
  });
}

interface SingleRow {
  id: string;
  event_id: string;
  type: string;
  version: number;
  event_key: string;
  payload: string;
  traceparent: string | null;
  occurred_at: Date;
}

const toEvent = (row: SingleRow): OutgoingEvent => ({
  id: row.event_id,
  type: row.type,
  version: row.version,
  key: row.event_key,
  occurredAt: row.occurred_at,
  json: row.payload,
  ...(row.traceparent && { traceparent: row.traceparent }),
});
