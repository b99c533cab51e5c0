import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import mysql from 'mysql2/promise';
import { isOfRehearsal } from '@onrush/proto';
import { openActivity, remaining } from '../src/activity';
import { readFacts } from '../src/checks/facts';
import { judge } from '../src/checks/invariants';
import { schemaOf } from '../src/environment';
import { startTestFleet, type TestFleet } from './fleet';
import { root } from './pages';

interface Report {
  verdict: 'GO' | 'NO-GO';
  checks: { name: string; figure: number | string; holds: boolean }[];
  findings: { activityId: string; found: number; ends: { paid: number; cancelled: number } };
}

let world: TestFleet;
let sale: { id: string; productId: string };
let folder: string;
beforeAll(async () => {
  world = await startTestFleet('rehearsal');
  sale = await openActivity(world.api, world.adminToken, {
    title: 'The real one',
    total: 30,
    perUserLimit: 1,
    paymentTimeoutSeconds: 3_600,
  });
  folder = mkdtempSync(path.join(os.tmpdir(), 'onrush-rehearsal-'));
}, 180_000);
afterAll(async () => {
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** The command, as `npm run rehearse` runs it, on the fleet of this test. */
async function rehearse(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { fleet, adminPassword } = world;
  const child = spawn(process.execPath, [path.join(root, 'bench', 'dist', 'rehearsal', 'main.js'), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      GATEWAY_URL: fleet.gatewayUrl,
      ADMIN_USERNAME: 'admin',
      ADMIN_PASSWORD: adminPassword,
      MOCK_PAYMENT_SECRET: fleet.mockPaymentSecret,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

const reports = (): Report[] =>
  readdirSync(path.join(folder, '.local', 'rehearsal'))
    .sort()
    .map(
      (file) => JSON.parse(readFileSync(path.join(folder, '.local', 'rehearsal', file), 'utf8')) as Report,
    );

async function count(service: string, query: string): Promise<number> {
  const connection = await mysql.createConnection(world.servers.MYSQL_ADMIN_URL);
  try {
    await connection.query(`USE ${schemaOf(world.fleet.namespace, service)}`);
    const [rows] = await connection.query<mysql.RowDataPacket[]>(`SELECT COUNT(*) AS n FROM ${query}`);
    return Number(rows[0]?.['n']);
  } finally {
    await connection.end();
  }
}

test('a small rehearsal is a GO, and leaves no trace in what is real', async () => {
  const { servers, fleet, api } = world;

  const { code, output } = await rehearse(
    ...[
      '--units',
      '50',
      '--buyers',
      '200',
      '--rate',
      '400',
      '--cancel-share',
      '0.4',
      '--product',
      sale.productId,
    ],
    // How fast it is on a busy machine is no matter of this test.
    ...['--payment-seconds', '120', '--p99-ms', '30000', '--drain-seconds', '60'],
  );

  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^GO$/m) });
  const [{ verdict, findings, checks } = {} as Report] = reports();
  expect(verdict).toBe('GO');
  expect(checks.filter(({ holds }) => !holds)).toEqual([]);
  expect(findings).toMatchObject({ found: 50, ends: { paid: 30, cancelled: 20 } });
  expect(isOfRehearsal(findings.activityId)).toBe(true);
  expect(await remaining(api, sale.id)).toBe(30);
  expect(await count('notify', 'notifications WHERE user_id > 1 << 62')).toBe(0);
  expect(await count('product', `stock_ledger WHERE product_id <> ${sale.productId}`)).toBe(0);
  expect(await count('payment', "journal_entries WHERE account NOT LIKE 'rehearsal:%'")).toBe(0);
  const facts = await readFacts({ servers, namespace: fleet.namespace, activityId: findings.activityId });
  const verdicts = judge(facts, { accepted: [], paidOrders: [] });
  expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
  expect(facts.stock).toMatchObject({ cameIn: 30, free: 0, reserved: 30, sold: 0 });
}, 120_000);

test('what does not hold is a NO-GO with 1, and is named', async () => {
  const { code, output } = await rehearse(
    // Everybody's time to pay runs out.
    ...['--units', '5', '--buyers', '10', '--rate', '100', '--pay-share', '0', '--cancel-share', '0'],
    ...['--payment-seconds', '1', '--product', sale.productId, '--p99-ms', '0', '--drain-seconds', '60'],
  );

  expect(code).toBe(1);
  expect(output).toMatch(/^NO-GO: p99 of a try, ms$/m);
  expect(reports().at(-1)).toMatchObject({
    verdict: 'NO-GO',
    findings: { found: 5, ends: { cancelled: 5 } },
  });
}, 120_000);

test('what cannot be rehearsed is a NO-GO that says why', async () => {
  const { code, output } = await rehearse('--product', '77');

  expect(code).toBe(1);
  expect(output).toMatch(/NO-GO: the rehearsal could not be carried out: .*404/);
}, 60_000);
