import { outboxMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE activities (
    id bigint unsigned NOT NULL,
    title varchar(200) NOT NULL,
    product_id bigint unsigned NOT NULL,
    product_name varchar(200) NOT NULL,
    price bigint NOT NULL,
    total int NOT NULL,
    sold int NOT NULL DEFAULT 0,
    per_user_limit int NOT NULL,
    starts_at datetime(3) NOT NULL,
    ends_at datetime(3) NOT NULL,
    payment_timeout_seconds int NOT NULL,
    epoch int NOT NULL DEFAULT 0,
    warmed_at datetime(3) NULL,
    drained_at datetime(3) NULL,
    version int NOT NULL DEFAULT 1,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_activities_warmed (drained_at, warmed_at),
    CONSTRAINT ck_activities_sold CHECK (sold >= 0 AND sold <= total)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE reservations (
    id bigint unsigned NOT NULL,
    activity_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    order_no bigint unsigned NOT NULL,
    quantity int NOT NULL,
    status varchar(16) NOT NULL,
    reason varchar(64) NULL,
    batch_id char(36) NOT NULL,
    reserved_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_reservations_order_no (order_no),
    KEY ix_reservations_buyer (activity_id, user_id)
  ) DEFAULT CHARSET=utf8mb4`,
];

export class CreateActivities1700000000001 implements MigrationInterface {
  name = 'CreateActivities1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...tables, ...outboxMigrationSql()]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['outbox', 'reservations', 'activities']) await runner.query(`DROP TABLE ${table}`);
  }
}
