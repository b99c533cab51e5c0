import type { Metrics } from '@onrush/chassis/metrics';
import { createReading } from '@onrush/chassis/reading';
import type { DataSource } from 'typeorm';
import { createJournalBalance } from '../data/journal-balance';

/** Shows whether the books are right: debits less credits are 0. */
export function watchJournal(db: DataSource, metrics: Metrics): void {
  const reading = createReading({ read: createJournalBalance(db) });
  metrics.gauge('payment_journal_balance_fen', 'Debits less credits of the journal', [], {
    ofWorkers: 'max',
    async collect(gauge) {
      const balance = await reading.latest();
      gauge.remove();
      if (balance !== undefined) gauge.set(balance);
    },
  });
}
