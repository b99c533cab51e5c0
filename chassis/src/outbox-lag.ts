import type { DataSource } from 'typeorm';
import type { Metrics } from './metrics';
import { createReading } from './reading';

interface Row {
  singles: string;
  batched: string;
  single_at: Date | null;
  head: string | null;
}

const rowsCounted = 1_000;
/** The first line of a batch is shorter. */
const headCharacters = 400;

/** Of an outbox that nobody empties the rows are not counted to their end: how old the oldest is says enough. */
const sql = `SELECT
  (SELECT COUNT(*) FROM (SELECT id FROM outbox ORDER BY id LIMIT ${rowsCounted}) AS first_singles) AS singles,
  (SELECT COALESCE(SUM(events), 0)
     FROM (SELECT events FROM outbox_batches ORDER BY id LIMIT ${rowsCounted}) AS first_batches) AS batched,
  (SELECT occurred_at FROM outbox ORDER BY id LIMIT 1) AS single_at,
  (SELECT LEFT(body, ${headCharacters}) FROM outbox_batches ORDER BY id LIMIT 1) AS head`;

/** Shows what waits in an outbox while its relay runs here. */
export function watchOutbox(
  db: DataSource,
  metrics: Metrics,
  relay: { isRunning: () => boolean; occurredAtMsOf: (body: string) => number },
): void {
  const reading = createReading({
    async read() {
      const [row] = await db.query<Row[]>(sql);
      const times = [
        row?.single_at?.getTime() ?? Infinity,
        row?.head ? relay.occurredAtMsOf(row.head) : Infinity,
      ];
      return { events: Number(row?.singles) + Number(row?.batched), oldestAt: Math.min(...times) };
    },
  });
  const latest = async () => (relay.isRunning() ? reading.latest() : undefined);
  const gauge = (name: string, help: string, valueOf: (of: { events: number; oldestAt: number }) => number) =>
    metrics.gauge(name, help, [], {
      ofWorkers: 'max',
      async collect(gauge) {
        const waiting = await latest();
        gauge.remove();
        if (waiting) gauge.set(valueOf(waiting));
      },
    });
  gauge('outbox_pending_events', 'Events that wait in the outbox', ({ events }) => events);
  gauge('outbox_lag_seconds', 'How long the oldest event in the outbox has waited', ({ oldestAt }) =>
    oldestAt === Infinity ? 0 : Math.max(0, Date.now() - oldestAt) / 1_000,
  );
}
