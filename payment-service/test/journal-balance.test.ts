import { insertRows } from '@onrush/chassis/mysql';
import { eventually } from '@onrush/chassis/testing/wait';
import { createJournalBalance } from '../src/data/journal-balance';
import { reportOf, startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('journal');
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => fixture.db.query('DELETE FROM journal_entries'));

const minuteAgo = () => new Date(Date.now() - 60_000);
let nextEntry = 0;
/** One line, debit or credit, of an entry of its own. */
const line = (fen: number, at = minuteAgo()) => [
  `entry:${(nextEntry += 1)}`,
  'customer-orders',
  Math.max(fen, 0),
  Math.max(-fen, 0),
  'P1',
  at,
];
const book = (...rows: unknown[][]) =>
  insertRows(fixture.db.manager, 'journal_entries', {
    columns: ['entry_id', 'account', 'debit', 'credit', 'reference', 'booked_at'],
    rows,
  });

test('the books are right when all is well, and a line without its other one is seen', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment));
  await fixture.db.query('UPDATE journal_entries SET booked_at = ?', [minuteAgo()]);
  const balance = () => fixture.metric('payment_journal_balance_fen');

  expect(await balance()).toBe(0);
  await book(line(-700));
  await eventually(async () => (await balance()) === -700, { timeoutMs: 10_000 });
}, 30_000);

test('it goes on where it stood', async () => {
  const balance = createJournalBalance(fixture.db);
  await book(line(500), line(-200));

  expect(await balance()).toBe(300);
  await fixture.db.query('UPDATE journal_entries SET debit = 9, credit = 0');
  await book(line(7));

  expect(await balance()).toBe(307);
});

test('what may still be overtaken by a lower number waits, and so does all that is behind it', async () => {
  const balance = createJournalBalance(fixture.db);
  await book(line(100), line(20, new Date()), line(3));

  expect(await balance()).toBe(100);
  await fixture.db.query('UPDATE journal_entries SET booked_at = ?', [minuteAgo()]);

  expect(await balance()).toBe(123);
});

test('of a journal that is not read to its end nothing is said', async () => {
  const balance = createJournalBalance(fixture.db, { linesAtOnce: 2 });
  await book(line(1), line(2), line(4));

  expect(await balance()).toBeUndefined();
  expect(await balance()).toBe(7);
});
