import type { EntityManager } from 'typeorm';
import { insertRows, isDuplicateKey } from './mysql';

/** The statements that a service's first migration runs. */
export const inboxMigrationSql = (): string[] => [
  `CREATE TABLE inbox (
    consumer varchar(64) NOT NULL,
    event_id char(36) NOT NULL,
    processed_at datetime(3) NOT NULL,
    PRIMARY KEY (consumer, event_id)
  ) DEFAULT CHARSET=utf8mb4`,
];

/** True for the first delivery. It inserts, never looks first: of two deliveries at once, the unique key lets one through. */
export async function claimEvent(tx: EntityManager, consumer: string, eventId: string): Promise<boolean> {
  try {
    await insertRows(tx, 'inbox', {
      columns: ['consumer', 'event_id', 'processed_at'],
      rows: [[consumer, eventId, new Date()]],
    });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** The events that were not seen before, in their order. */
export async function claimEvents<T extends { id: string }>(
  tx: EntityManager,
  consumer: string,
  events: T[],
): Promise<T[]> {
  const now = new Date();
  const rows = events.map((event) => [consumer, event.id, now]);
  try {
    await insertRows(tx, 'inbox', { columns: ['consumer', 'event_id', 'processed_at'], rows });
    return events;
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
  }
  // Some were seen. The failed statement left nothing behind, so each is asked alone.
  const claimed: T[] = [];
  for (const event of events) if (await claimEvent(tx, consumer, event.id)) claimed.push(event);
  return claimed;
}
