import { createDataSource, runMigrations, type MigrationClass } from '@onrush/chassis/mysql';
import { createTestDatabase, type TestDatabase } from '@onrush/chassis/testing/database';
import { eventually } from '@onrush/chassis/testing/wait';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { EntitySchema, QueryRunner } from 'typeorm';
import { migrations as auth } from '../../auth-service/src/migrations';
import { migrations as notify } from '../../notify-service/src/migrations';
import { migrations as order } from '../../order-service/src/migrations';
import { migrations as payment } from '../../payment-service/src/migrations';
import { ProductTable } from '../../product-service/src/data/product-table';
import { migrations as product } from '../../product-service/src/migrations';
import { ActivityTable } from '../../seckill-service/src/data/activity-table';
import { migrations as seckill } from '../../seckill-service/src/migrations';
import { UserTable } from '../../user-service/src/data/user-table';
import { migrations as user } from '../../user-service/src/migrations';

const services: { name: string; migrations: MigrationClass[]; entities: EntitySchema[] }[] = [
  { name: 'auth', migrations: auth, entities: [] },
  { name: 'notify', migrations: notify, entities: [] },
  { name: 'order', migrations: order, entities: [] },
  { name: 'payment', migrations: payment, entities: [] },
  { name: 'product', migrations: product, entities: [ProductTable as EntitySchema] },
  { name: 'seckill', migrations: seckill, entities: [ActivityTable as EntitySchema] },
  { name: 'user', migrations: user, entities: [UserTable as EntitySchema] },
];

interface Column {
  tableName: string;
  name: string;
  type: string;
  length: number | null;
}
type Tables = Map<string, Column[]>;
type Row = Record<string, number | string | Date>;

async function tablesOf({ db }: TestDatabase): Promise<Tables> {
  const columns = await db.query<Column[]>(
    `SELECT table_name AS tableName, column_name AS name, data_type AS type, character_maximum_length AS length
     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'migrations'
     ORDER BY table_name, ordinal_position`,
  );
  return Map.groupBy(columns, ({ tableName }) => tableName);
}

const json = new Set(['images', 'waiting_room']);
/** A value that the column can hold, another one for each number. */
function valueOf({ name, type, length }: Column, number: number): Row[string] {
  if (type.endsWith('int')) return number;
  if (type === 'datetime') return new Date(Date.UTC(2030, 0, 1, 0, 0, number));
  return json.has(name) ? '[]' : `${name}${number}`.slice(-Number(length));
}

const rowOf = (columns: Column[], number: number): Row =>
  Object.fromEntries(columns.map((column) => [column.name, valueOf(column, number)]));

async function insert({ db }: TestDatabase, table: string, row: Row): Promise<void> {
  const columns = Object.keys(row);
  await db.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  );
}

/** The rows of a table, as those read them who know these columns of it. */
async function read({ db }: TestDatabase, table: string, columns: string[]): Promise<string[]> {
  const rows = await db.query<Record<string, unknown>[]>(`SELECT ${columns.join(', ')} FROM ${table}`);
  return rows.map((row) => textOf(Object.values(row)));
}
const textOf = (values: unknown[]): string =>
  values.map((value) => (value instanceof Date ? value.toISOString() : String(value))).join('|');

describe.each(services)('the schema of $name', ({ name, migrations, entities }) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(`migrate_${name}`, { entities: [], migrations: [] });
  });
  afterAll(() => database?.drop());

  test('from the first version to the last, with data: each version takes what the one before writes, and in the end every row is what it was', async () => {
    const { url, type } = database;
    const written: { table: string; row: Row }[] = [];
    const write = async (tables: Tables, number: number) => {
      for (const [table, columns] of tables) {
        const row = rowOf(columns, number);
        await insert(database, table, row);
        written.push({ table, row });
      }
    };

    let before: Tables = new Map();
    for (let version = 1; version <= migrations.length; version += 1) {
      await runMigrations({ url, type, entities: [], migrations: migrations.slice(0, version) });
      await write(before, version * 10);
      before = await tablesOf(database);
      await write(before, version * 10 + 1);
    }

    expect(written.length).toBeGreaterThan(before.size);
    for (const { table, row } of written)
      expect(await read(database, table, Object.keys(row))).toContain(textOf(Object.values(row)));
    const db = await createDataSource({ url, type, entities, poolSize: 1 }).initialize();
    for (const entity of entities) {
      const table = db.getMetadata(entity).tableName;
      expect(await db.getRepository(entity).find()).toHaveLength(
        written.filter((one) => one.table === table).length,
      );
    }
    await db.destroy();
  });
});

/** What is more than an addition, and why the version before can live with it. */
const exceptions: Record<string, string> = {
  'notify DropUnreadIndex1700000000003': 'an index: queries find the same rows without it',
  'seckill DropOrderNoIndex1700000000008': 'a key that no statement names, and that guarded nothing',
  'user CompareUsernamesExactly1700000000002':
    'of the names that the version before tells apart, none is the same to this one',
};
const additions = [
  /^CREATE TABLE \w+ \(/,
  /^INSERT INTO \w+ /,
  /^ALTER TABLE \w+(,?\s+ADD (KEY|INDEX) \w+ \([\w, ]+\)|,?\s+ADD COLUMN \w+ \w+(\([\d, ]+\))?( unsigned)?( CHARACTER SET \w+)?( COLLATE \w+)? (NULL|NOT NULL DEFAULT ('[^']*'|[\w.]+)))+$/,
];

async function statementsOf(migration: MigrationClass): Promise<string[]> {
  const statements: string[] = [];
  const runner = { query: (sql: string) => Promise.resolve(statements.push(sql)) };
  await new migration().up(runner as unknown as QueryRunner);
  return statements;
}
const isAddition = (sql: string): boolean => additions.some((form) => form.test(sql));

test('a migration only adds: tables, keys that are not unique, columns that may be left out; what does more says why it may', async () => {
  const doMore: string[] = [];
  for (const { name, migrations } of services)
    for (const migration of migrations)
      if (!(await statementsOf(migration)).every(isAddition))
        doMore.push(`${name} ${new migration().name ?? ''}`);

  expect(doMore.sort()).toEqual(Object.keys(exceptions).sort());
});

test.each([
  'ALTER TABLE orders DROP COLUMN status',
  'ALTER TABLE orders RENAME COLUMN status TO state',
  'ALTER TABLE orders ADD COLUMN note varchar(20) NOT NULL',
  'ALTER TABLE orders ADD COLUMN note varchar(20) NULL, DROP COLUMN status',
  'ALTER TABLE orders ADD UNIQUE KEY uq_orders_user (user_id)',
  'ALTER TABLE orders MODIFY status varchar(4) NOT NULL',
  'DROP TABLE orders',
  'RENAME TABLE orders TO purchases',
])('more than an addition: %s', (sql) => {
  expect(isAddition(sql)).toBe(false);
});

test('two processes that migrate at once take turns: one applies all, the other finds nothing to do', async () => {
  const database = await createTestDatabase('migrate_twice', { entities: [], migrations: [] });
  const holder = database.db.createQueryRunner();
  await holder.query('SELECT GET_LOCK(CONCAT(DATABASE(), ".migrations"), 0)');
  const env = { ...process.env, NODE_OPTIONS: '', MYSQL_URL: database.url, MYSQL_TYPE: database.type };
  const script = path.join(__dirname, '../../user-service/dist/migrate.js');
  const migrate = async () => (await promisify(execFile)(process.execPath, [script], { env })).stdout.trim();

  const both = Promise.all([migrate(), migrate()]);
  try {
    const areWaiting = async () => {
      const waiting = await database.db.query<unknown[]>(
        `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT GET_LOCK%'`,
      );
      return waiting.length === 2;
    };
    // Half of what they wait for the lock; where one has failed, it says why.
    await Promise.race([eventually(areWaiting, { timeoutMs: 30_000 }), both]);
    expect(await tablesOf(database)).toEqual(new Map());
  } finally {
    await holder.query('SELECT RELEASE_LOCK(CONCAT(DATABASE(), ".migrations"))');
  }

  const names = user.map((migration) => new migration().name).join(', ');
  expect((await both).sort()).toEqual([`migrate: applied ${names}`, 'migrate: up to date']);
  await holder.release();
  await database.drop();
}, 60_000);
