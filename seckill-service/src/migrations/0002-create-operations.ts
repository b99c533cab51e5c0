import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = [
  `ALTER TABLE activities
    ADD COLUMN control_status varchar(16) NOT NULL DEFAULT 'OPEN',
    ADD COLUMN revision int NOT NULL DEFAULT 0,
    ADD COLUMN stock_revision int NOT NULL DEFAULT 0`,
  `CREATE TABLE operations (
    id bigint unsigned NOT NULL,
    activity_id bigint unsigned NOT NULL,
    revision int NOT NULL,
    kind varchar(16) NOT NULL,
    delta int NULL,
    total int NULL,
    per_user_limit int NULL,
    reason varchar(200) NULL,
    requested_by bigint unsigned NOT NULL,
    idempotency_key varbinary(255) NULL,
    status varchar(16) NOT NULL,
    refused_because varchar(64) NULL,
    created_at datetime(3) NOT NULL,
    done_at datetime(3) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_operations_revision (activity_id, revision),
    UNIQUE KEY uq_operations_idempotency_key (activity_id, requested_by, kind, idempotency_key),
    KEY ix_operations_status (status, created_at)
  ) DEFAULT CHARSET=utf8mb4`,
];

const down = [
  'DROP TABLE operations',
  'ALTER TABLE activities DROP COLUMN control_status, DROP COLUMN revision, DROP COLUMN stock_revision',
];

export class CreateOperations1700000000002 implements MigrationInterface {
  name = 'CreateOperations1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of up) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const sql of down) await runner.query(sql);
  }
}
