import { outboxMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE orders (
    id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    kind varchar(16) NOT NULL,
    status varchar(16) NOT NULL,
    total_amount bigint NOT NULL,
    currency char(3) NOT NULL,
    reservation_id bigint unsigned NULL,
    activity_id bigint unsigned NULL,
    expires_at datetime(3) NOT NULL,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    paid_at datetime(3) NULL,
    cancelled_at datetime(3) NULL,
    cancel_reason varchar(32) NULL,
    batch_id char(36) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_orders_reservation_id (reservation_id),
    KEY ix_orders_user (user_id, id),
    KEY ix_orders_expiry (status, expires_at)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE order_items (
    order_id bigint unsigned NOT NULL,
    line int NOT NULL,
    product_id bigint unsigned NOT NULL,
    name varchar(200) NOT NULL,
    price bigint NOT NULL,
    quantity int NOT NULL,
    PRIMARY KEY (order_id, line)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE order_history (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    order_id bigint unsigned NOT NULL,
    from_status varchar(16) NULL,
    to_status varchar(16) NOT NULL,
    changed_at datetime(3) NOT NULL,
    changed_by varchar(64) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_order_history_order (order_id, id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE sagas (
    order_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    idempotency_key varchar(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    request_hash char(64) NOT NULL,
    state varchar(16) NOT NULL,
    answer longtext NULL,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    PRIMARY KEY (order_id),
    UNIQUE KEY uq_sagas_idempotency_key (user_id, idempotency_key),
    KEY ix_sagas_state (state, updated_at)
  ) DEFAULT CHARSET=utf8mb4`,
];

export class CreateOrders1700000000001 implements MigrationInterface {
  name = 'CreateOrders1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...tables, ...outboxMigrationSql()]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['outbox', 'sagas', 'order_history', 'order_items', 'orders'])
      await runner.query(`DROP TABLE ${table}`);
  }
}
