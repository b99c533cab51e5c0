import { escape, type SqlValue } from 'mysql2';
import { setTimeout as wait } from 'node:timers/promises';
import { DataSource, type EntityManager, type EntitySchema, type MigrationInterface } from 'typeorm';
import type { Metrics } from './metrics';
import { watchPool } from './mysql-pool';

export type MigrationClass = new () => MigrationInterface;

export interface MysqlOptions {
  url: string;
  type: 'mariadb' | 'mysql';
  entities: EntitySchema[];
  migrations?: MigrationClass[];
  /** Connections; 8 unless said otherwise. */
  poolSize?: number;
  /** Where the pool shows how it is used. */
  metrics?: Metrics;
}

/** Not yet connected. READ COMMITTED, UTC, utf8mb4; 64-bit numbers come back as strings. */
export function createDataSource(options: MysqlOptions): DataSource {
  const poolSize = options.poolSize ?? 8;
  const db = new DataSource({
    type: options.type,
    url: options.url,
    timezone: 'Z',
    charset: 'utf8mb4',
    poolSize,
    entities: options.entities,
    migrations: options.migrations ?? [],
    isolationLevel: 'READ COMMITTED',
    extra: { enableKeepAlive: true, connectTimeout: 5_000 },
  });
  if (options.metrics) watchPool(db, poolSize, options.metrics);
  return db;
}

const migrationLockSeconds = 60;

/** Applies what is missing, and returns the names; two processes at once take turns. */
export async function runMigrations(options: MysqlOptions): Promise<string[]> {
  const db = await createDataSource({ ...options, poolSize: 2 }).initialize();
  const holder = db.createQueryRunner();
  try {
    const [lock] = (await holder.query('SELECT GET_LOCK(CONCAT(DATABASE(), ".migrations"), ?) AS held', [
      migrationLockSeconds,
    ])) as { held: unknown }[];
    if (Number(lock?.held) !== 1)
      throw new Error(`another process has been migrating for ${migrationLockSeconds} s`);
    const applied = await db.runMigrations({ transaction: 'each' });
    return applied.map((migration) => migration.name);
  } finally {
    await holder.release();
    await db.destroy();
  }
}

/** The body of a service's migrate.ts: reads MYSQL_URL and MYSQL_TYPE, says what it applied, and sets the exit code. */
export async function migrateAsMain(options: Omit<MysqlOptions, 'url' | 'type'>): Promise<void> {
  const url = process.env['MYSQL_URL'];
  const type = process.env['MYSQL_TYPE'] ?? 'mysql';
  if (!url || (type !== 'mysql' && type !== 'mariadb')) {
    console.error(
      'migrate: set MYSQL_URL=mysql://user:password@host:port/schema and MYSQL_TYPE=mysql|mariadb',
    );
    process.exitCode = 2;
    return;
  }
  try {
    const names = await runMigrations({ ...options, url, type });
    console.log(names.length === 0 ? 'migrate: up to date' : `migrate: applied ${names.join(', ')}`);
  } catch (error) {
    console.error(`migrate: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

const lockConflicts = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT']);

/**
 * One transaction; a deadlock or a lock wait timeout runs the whole of it again, with full jitter (AWS, 2015), at most 5 times. A stopped process keeps
 * its locks for as long as the server waits for its next statement, which may be hours: with `idleSeconds`, no longer than that.
 */
export async function inTransaction<T>(
  db: DataSource,
  work: (tx: EntityManager) => Promise<T>,
  { attempts = 5, idleSeconds }: { attempts?: number; idleSeconds?: number } = {},
): Promise<T> {
  const limited = idleSeconds === undefined ? work : notIdleFor(idleSeconds, work);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction(limited);
    } catch (error) {
      if (attempt >= attempts || !lockConflicts.has(codeOf(error) ?? '')) throw error;
      await wait(Math.random() * 10 * 2 ** attempt);
    }
  }
}

const notIdleFor =
  <T>(seconds: number, work: (tx: EntityManager) => Promise<T>) =>
  async (tx: EntityManager): Promise<T> => {
    await tx.query('SET SESSION wait_timeout = ?', [seconds]);
    try {
      return await work(tx);
    } finally {
      // A connection that is lost has taken it along.
      await tx.query('SET SESSION wait_timeout = DEFAULT').catch(() => undefined);
    }
  };

const rowsPerInsert = 1_000;

/** `INSERT … VALUES` of many rows in one statement (in chunks of 1,000); returns how many rows went in. */
export async function insertRows(
  tx: EntityManager,
  table: string,
  {
    columns,
    rows,
    ignoreDuplicates = false,
  }: { columns: string[]; rows: unknown[][]; ignoreDuplicates?: boolean },
): Promise<number> {
  const insert = ignoreDuplicates ? 'INSERT IGNORE INTO' : 'INSERT INTO';
  let inserted = 0;
  for (let from = 0; from < rows.length; from += rowsPerInsert) {
    const chunk = rows.slice(from, from + rowsPerInsert);
    const result = await tx.query<{ affectedRows: number }>(
      `${insert} ${table} (${columns.join(', ')}) VALUES ?`,
      [{ toSqlString: () => rowsSql(chunk) }],
    );
    inserted += result.affectedRows;
  }
  return inserted;
}

/** Of rows that are written together many have the same time: each is put into words once. */
function rowsSql(rows: unknown[][]): string {
  const times = new Map<number, string>();
  const timeSql = (time: Date): string => {
    const known = times.get(time.getTime());
    if (known) return known;
    const sql = escape(time, false, 'Z');
    times.set(time.getTime(), sql);
    return sql;
  };
  const valueSql = (value: unknown): string => {
    if (value instanceof Date) return timeSql(value);
    if (typeof value === 'string' && wholeNumber.test(value)) return value;
    return escape(value as SqlValue, false, 'Z');
  };
  return rows.map((row) => `(${row.map(valueSql).join(',')})`).join(',');
}

/** An id as a number, which a server reads faster than a text that becomes one; in a column of text it becomes the same text again. */
const wholeNumber = /^[1-9]\d{0,18}$/;

/** Ids for `IN (?)`, as numbers without quotes. */
export const idList = (ids: string[]): { toSqlString(): string } => ({
  toSqlString: () => ids.map((id) => (wholeNumber.test(id) ? id : escape(id))).join(','),
});

/**
 * Text that JSON.stringify wrote, as a value of a statement. JSON has no control characters and many double quotes, which need no escape between
 * single ones: what is left is searched for at once, where mysql2 looks at every character.
 */
export const jsonLiteral = (json: string): { toSqlString(): string } => ({
  toSqlString: () => `'${json.replaceAll(/[\\']/g, '\\$&')}'`,
});

/** True for a violated unique key, of any name or of this one. */
export function isDuplicateKey(error: unknown, key?: string): boolean {
  if (codeOf(error) !== 'ER_DUP_ENTRY') return false;
  return key === undefined || (error as Error).message.includes(key);
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | null)?.code;

export { isTransient } from './transient';
