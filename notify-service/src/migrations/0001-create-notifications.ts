import { outboxMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE notifications (
    id bigint unsigned NOT NULL,
    event_id char(36) NOT NULL,
    user_id bigint unsigned NOT NULL,
    kind varchar(64) NOT NULL,
    title varchar(200) NOT NULL,
    body varchar(1000) NOT NULL,
    data text NOT NULL,
    batch_id char(36) NOT NULL,
    created_at datetime(3) NOT NULL,
    read_at datetime(3) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_notifications_event_id (event_id),
    KEY ix_notifications_user (user_id, id),
    KEY ix_notifications_unread (user_id, read_at)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE deliveries (
    notification_id bigint unsigned NOT NULL,
    channel varchar(16) NOT NULL,
    status varchar(16) NOT NULL,
    delivered_at datetime(3) NOT NULL,
    PRIMARY KEY (notification_id, channel)
  ) DEFAULT CHARSET=utf8mb4`,
];

export class CreateNotifications1700000000001 implements MigrationInterface {
  name = 'CreateNotifications1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...tables, ...outboxMigrationSql()]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['outbox', 'deliveries', 'notifications']) await runner.query(`DROP TABLE ${table}`);
  }
}
