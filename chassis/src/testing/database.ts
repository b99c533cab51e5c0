import mysql from 'mysql2/promise';
import type { DataSource, EntitySchema } from 'typeorm';
import { createDataSource, runMigrations, type MigrationClass } from '../mysql';
import { infrastructure, testNamespace } from './infrastructure';

export interface TestDatabase {
  url: string;
  type: 'mariadb' | 'mysql';
  db: DataSource;
  drop(): Promise<void>;
}

/** A migrated schema of the test file's own. */
export async function createTestDatabase(
  label: string,
  options: { entities: EntitySchema[]; migrations: MigrationClass[] },
): Promise<TestDatabase> {
  const { mysqlAdminUrl, mysqlType: type } = infrastructure();
  const name = testNamespace(label);
  await asAdmin(mysqlAdminUrl, `CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  const url = new URL(mysqlAdminUrl);
  url.pathname = `/${name}`;
  await runMigrations({ ...options, url: url.href, type });
  const db = await createDataSource({ ...options, url: url.href, type, poolSize: 20 }).initialize();
  return {
    url: url.href,
    type,
    db,
    async drop() {
      await db.destroy();
      await asAdmin(mysqlAdminUrl, `DROP DATABASE ${name}`);
    },
  };
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const connection = await mysql.createConnection(url);
  await connection.query(sql);
  await connection.end();
}
