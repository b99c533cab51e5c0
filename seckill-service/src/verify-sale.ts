import { parseArgs } from 'node:util';
import { createDataSource } from '@onrush/chassis/mysql';
import { verifySale, type Verdict } from './use-cases/verify-sale';

const usage = `npm run verify-sale -- <activity> [--head <seq>:<hash>]
  Checks the record of a sale, link by link, and the ledger against it.
  --head       a head that was printed earlier: it must still be in the record

  Reads MYSQL_URL (mysql://user:password@host:port/schema of seckill-service) and MYSQL_TYPE (mysql, mariadb).
  Ends with 0 where all is right, 1 with the first wrong record where it is not, 2 where it could not be checked.`;

class UsageError extends Error {}

interface Wanted {
  activityId: string;
  knownHead: { seq: number; hash: string } | undefined;
  url: string;
  type: 'mysql' | 'mariadb';
}

/** Undefined where help is asked for. */
function readArguments(): Wanted | undefined {
  const { values, positionals } = parseArgs({
    options: { head: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  const [activityId = '', ...more] = positionals;
  if (!/^[1-9]\d{0,18}$/.test(activityId) || more.length > 0)
    throw new UsageError('name one activity by its id');
  const [, seq = '', hash = ''] = /^([1-9]\d{0,9}):([0-9a-f]{64})$/.exec(values.head ?? '') ?? [];
  if (values.head !== undefined && !hash) throw new UsageError('--head is <seq>:<64 hexadecimal digits>');
  const url = process.env['MYSQL_URL'];
  const type = process.env['MYSQL_TYPE'] ?? 'mysql';
  if (!url || (type !== 'mysql' && type !== 'mariadb'))
    throw new UsageError('set MYSQL_URL=mysql://user:password@host:port/schema and MYSQL_TYPE=mysql|mariadb');
  return { activityId, knownHead: hash ? { seq: Number(seq), hash } : undefined, url, type };
}

const progressMs = 2_000;

/** A line every two seconds, on stderr: what is found out goes to stdout alone. */
function createProgress(): (checked: { records: number; reservations: number }) => void {
  let told = Date.now();
  return ({ records, reservations }) => {
    if (Date.now() - told < progressMs) return;
    told = Date.now();
    console.error(`  … ${records} records, ${reservations} reservations so far`);
  };
}

function tell(activityId: string, { finding, head, ...sums }: Verdict): void {
  if (finding) {
    const where = finding.seq === null ? 'the ledger' : `record ${finding.seq}`;
    console.error(`✘ activity ${activityId}: ${where}: ${finding.what}`);
    process.exitCode = 1;
    return;
  }
  const { soldUnits, releasedUnits, admitted, unknownBuyers } = sums;
  console.log(`✔ activity ${activityId}: ${head.seq} records, and the ledger is what they tell`);
  console.log(`  ${soldUnits} units sold, ${releasedUnits} of them given back; ${admitted} places admitted`);
  if (unknownBuyers > 0)
    console.log(
      `  ${unknownBuyers} reservations after Redis had lost the waiting room: not all admissions have names`,
    );
  console.log(`  head ${head.seq}:${head.hash}`);
}

async function main(): Promise<void> {
  const wanted = readArguments();
  if (!wanted) return console.log(usage);
  const { activityId, knownHead, url, type } = wanted;
  const db = await createDataSource({ url, type, entities: [], poolSize: 1 }).initialize();
  try {
    const verdict = await verifySale(db, { activityId, knownHead, onProgress: createProgress() });
    if (!verdict) throw new Error(`there is no activity ${activityId}`);
    tell(activityId, verdict);
  } finally {
    await db.destroy();
  }
}

main().catch((error: unknown) => {
  const { message, code } = error as Error & { code?: string };
  const isUsage = error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS');
  console.error(isUsage ? `verify-sale: ${message}\n\n${usage}` : `verify-sale: ${message}`);
  process.exitCode = 2;
});
