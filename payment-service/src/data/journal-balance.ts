import type { DataSource } from 'typeorm';

interface Page {
  lines: string;
  sum: string;
  last: string | null;
  /** The first line that is younger than it has to be. */
  young: string | null;
}

/** Numbers are given before they are committed: so long a line with a lower one may still come. */
const settledMs = 10_000;
const allNumbers = '18446744073709551615';

/**
 * Debits less credits of the whole journal. It goes on where it stood, and adds up so many lines at most each time, however long the journal is; until
 * it has come to the end it says nothing. The lines of an entry are written together, and so are either all in the sum or none.
 */
export function createJournalBalance(
  db: DataSource,
  { linesAtOnce = 100_000 } = {},
): () => Promise<number | undefined> {
  let passed = '0';
  let balance = 0;

  async function read(before: string): Promise<Page> {
    const [page] = await db.query<[Page]>(
      `SELECT COUNT(*) AS \`lines\`, COALESCE(SUM(debit - credit), 0) AS sum, MAX(id) AS last,
          MIN(CASE WHEN booked_at >= ? THEN id END) AS young
        FROM (SELECT id, debit, credit, booked_at FROM journal_entries WHERE id > ? AND id < ? ORDER BY id LIMIT ${linesAtOnce}) AS page`,
      [new Date(Date.now() - settledMs), passed, before],
    );
    return page;
  }

  return async () => {
    const first = await read(allNumbers);
    const page = first.young === null ? first : await read(first.young);
    balance += Number(page.sum);
    passed = page.last ?? passed;
    return Number(page.lines) === linesAtOnce ? undefined : balance;
  };
}
