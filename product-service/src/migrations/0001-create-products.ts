import { inboxMigrationSql } from '@onrush/chassis/inbox';
import { outboxMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE products (
    id bigint unsigned NOT NULL,
    name varchar(200) NOT NULL,
    description text NOT NULL,
    category_id bigint unsigned NULL,
    kind varchar(16) NOT NULL,
    price bigint NOT NULL,
    stock int NOT NULL,
    reserved int NOT NULL DEFAULT 0,
    sold int NOT NULL DEFAULT 0,
    images text NOT NULL,
    venue varchar(200) NULL,
    session_at datetime(3) NULL,
    status varchar(16) NOT NULL,
    version int NOT NULL DEFAULT 1,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_products_status_id (status, id),
    CONSTRAINT ck_products_stock CHECK (stock >= 0 AND reserved >= 0 AND sold >= 0)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE stock_reservations (
    order_id bigint unsigned NOT NULL,
    product_id bigint unsigned NOT NULL,
    quantity int NOT NULL,
    status varchar(16) NOT NULL,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    PRIMARY KEY (order_id, product_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE stock_ledger (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    product_id bigint unsigned NOT NULL,
    delta int NOT NULL,
    reason varchar(64) NOT NULL,
    reference varchar(64) NOT NULL,
    created_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_stock_ledger_product (product_id, id)
  ) DEFAULT CHARSET=utf8mb4`,
];

export class CreateProducts1700000000001 implements MigrationInterface {
  name = 'CreateProducts1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...tables, ...outboxMigrationSql(), ...inboxMigrationSql()]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['inbox', 'outbox', 'stock_ledger', 'stock_reservations', 'products']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}
