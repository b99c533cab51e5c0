import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRehearsalProgram } from '../src/rehearsal/program';
import { checksOf, isGo, tableOf, writeReport, type Findings } from '../src/rehearsal/report';

const options = {
  units: 200,
  buyers: 1_000,
  rate: 500,
  connections: 128,
  payShare: 0.6,
  cancelShare: 0.2,
  repeatShare: 0.2,
  twiceShare: 0.2,
  paymentSeconds: 60,
  p99Ms: 1_000,
  errors: 0.01,
  drainSeconds: 30,
};

async function parse(...args: string[]) {
  const action = jest.fn();
  const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const error: unknown = await createRehearsalProgram(action)
    .parseAsync(args, { from: 'user' })
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  const text = stderr.mock.calls.join('');
  stderr.mockRestore();
  return { action, error, text };
}

test('every argument has a default, but the product', async () => {
  expect((await parse()).action).toHaveBeenCalledWith(options);
});

test.each([
  [['--units', '0'], 'Expected a whole number from 1'],
  [['--buyers', '1.5'], 'Expected a whole number from 1'],
  [['--rate', 'fast'], 'Expected a whole number from 1'],
  [['--pay-share', '1.1'], 'Expected a number from 0 to 1'],
  [['--pay-share', '0.7', '--cancel-share', '0.4'], 'more than 1 together'],
  [['--product', 'abc'], 'Expected an id'],
  [['--buyers', '20000', '--rate', '40'], 'that may take 720 s'],
  [['--unit', '5'], "unknown option '--unit'"],
  [['now'], 'too many arguments'],
])('%j is refused with 2, before anything is done', async (args, message) => {
  const { action, error, text } = await parse(...args);

  expect(error).toMatchObject({ exitCode: 2 });
  expect(text).toContain(message);
  expect(action).not.toHaveBeenCalled();
});

const good: Findings = {
  activityId: '4611686018427387905',
  product: { id: '1', name: 'Ticket', stock: 30 },
  beganAt: new Date('2027-01-01T00:00:00Z'),
  endedAt: new Date('2027-01-01T00:01:00Z'),
  options,
  rush: {
    tries: 1_200,
    accepted: 200,
    statuses: { 202: 200, 409: 1_000 },
    failed: 0,
    p50Ms: 10,
    p99Ms: 900,
    perSecond: 500,
  },
  found: 200,
  drainSeconds: 2,
  repeats: { repeated: 40, changed: 0 },
  payments: { paying: 120, paid: 120, refused: {} },
  ends: { paid: 120, cancelled: 80, open: 0, withoutOneOrder: 0 },
  reconciliation: {
    status: 'BALANCED',
    equation: { total: 200, free: 80, in_stream: 0, queued: 0, ordered: 120, returning: 0 },
    differences: { stock: 0, ledger: 0, excess: 0 },
    repairs: [],
  },
  messages: 0,
  isHidden: true,
  stockAfter: 30,
  isClosed: true,
};

test('where all is well it is a GO', () => {
  expect(checksOf(good).filter(({ holds }) => !holds)).toEqual([]);
  expect(isGo(checksOf(good))).toBe(true);
});

test.each<[string, Partial<Findings>]>([
  ['sold', { found: 199, rush: { ...good.rush, accepted: 199 } }],
  ['sold; oversold', { found: 201, rush: { ...good.rush, accepted: 201 } }],
  ['oversold; accepted, and lost', { rush: { ...good.rush, accepted: 201 } }],
  ['accepted, without exactly one order', { ends: { ...good.ends, withoutOneOrder: 1 } }],
  ['orders without an end', { ends: { ...good.ends, cancelled: 79, open: 1 } }],
  ['payments taken, and orders paid', { payments: { ...good.payments, paid: 119 } }],
  ['other answers to 40 repeated keys', { repeats: { repeated: 40, changed: 1 } }],
  ['difference of the stock equation', { reconciliation: { ...good.reconciliation, status: 'DIFFERENT' } }],
  ['repairs of the sale', { reconciliation: { ...good.reconciliation, repairs: [{}] } }],
  ['p99 of a try, ms', { rush: { ...good.rush, p99Ms: 1_001 } }],
  ['share of failed tries', { rush: { ...good.rush, failed: 13 } }],
  ['all are orders after, s', { drainSeconds: 31 }],
  ['all are orders after, s', { drainSeconds: undefined }],
  ['hidden from real users', { isHidden: false }],
  ['messages written', { messages: 1 }],
  ['stock of the product', { stockAfter: 29 }],
  ['closed at the end', { isClosed: false }],
])('%s alone makes a NO-GO', (name, found) => {
  const checks = checksOf({ ...good, ...found });

  expect(
    checks
      .filter(({ holds }) => !holds)
      .map((check) => check.name)
      .join('; '),
  ).toBe(name);
  expect(isGo(checks)).toBe(false);
  expect(tableOf(checks)).toContain('✘');
});

test('the report is a file of the activity’s name', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'onrush-report-'));

  const file = writeReport(good, checksOf(good), folder);

  expect(path.basename(file)).toBe('4611686018427387905.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ verdict: 'GO', findings: { found: 200 } });
  rmSync(folder, { recursive: true });
});

test('without a fleet it says what is missing, and ends with 1', () => {
  const main = path.join(__dirname, '..', 'dist', 'rehearsal', 'main.js');
  const { GATEWAY_URL: _, ...env } = process.env;

  // The tests' own folder for temporary files is in the checkout, where a fleet may have left its file.
  const { status, stderr } = spawnSync(process.execPath, [main], {
    cwd: path.parse(main).root,
    encoding: 'utf8',
    env,
  });

  expect(stderr).toContain('NO-GO: the rehearsal could not be carried out: .local/dev.json is missing');
  expect(status).toBe(1);
});
