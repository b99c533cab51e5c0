import { outboxMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE payments (
    id bigint unsigned NOT NULL,
    payment_no varchar(32) NOT NULL,
    order_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    channel varchar(16) NOT NULL,
    amount bigint NOT NULL,
    currency char(3) NOT NULL,
    status varchar(16) NOT NULL,
    refunded_amount bigint NOT NULL DEFAULT 0,
    trade_no varchar(64) NULL,
    expires_at datetime(3) NOT NULL,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    paid_at datetime(3) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_payments_payment_no (payment_no),
    UNIQUE KEY uq_payments_order_id (order_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE refunds (
    id bigint unsigned NOT NULL,
    refund_no varchar(32) NOT NULL,
    payment_id bigint unsigned NOT NULL,
    amount bigint NOT NULL,
    reason varchar(64) NOT NULL,
    status varchar(16) NOT NULL,
    created_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_refunds_refund_no (refund_no),
    UNIQUE KEY uq_refunds_payment_id (payment_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE journal_entries (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    entry_id varchar(64) NOT NULL,
    account varchar(64) NOT NULL,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    reference varchar(32) NOT NULL,
    booked_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_journal_entries_account (entry_id, account),
    KEY ix_journal_entries_reference (reference)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE payment_anomalies (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    payment_no varchar(64) NOT NULL,
    reason varchar(64) NOT NULL,
    body text NOT NULL,
    seen_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_payment_anomalies_payment_no (payment_no)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE payment_requests (
    user_id bigint unsigned NOT NULL,
    idempotency_key varchar(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id bigint unsigned NOT NULL,
    created_at datetime(3) NOT NULL,
    PRIMARY KEY (user_id, idempotency_key)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE closed_orders (
    order_id bigint unsigned NOT NULL,
    closed_at datetime(3) NOT NULL,
    PRIMARY KEY (order_id)
  ) DEFAULT CHARSET=utf8mb4`,
];

export class CreatePayments1700000000001 implements MigrationInterface {
  name = 'CreatePayments1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...tables, ...outboxMigrationSql()]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [
      'outbox',
      'closed_orders',
      'payment_anomalies',
      'payment_requests',
      'journal_entries',
      'refunds',
      'payments',
    ]) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}
