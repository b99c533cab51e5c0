import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = [
  // 255 characters of UTF-8 in base64url. Processes of the version before leave it empty.
  `ALTER TABLE reservations ADD COLUMN idempotency_key varchar(1024) CHARACTER SET ascii NOT NULL DEFAULT ''`,
  `CREATE TABLE pending_returns (
    reservation_id bigint unsigned NOT NULL,
    activity_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    released_at datetime(3) NOT NULL,
    PRIMARY KEY (reservation_id),
    KEY ix_pending_returns_activity (activity_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE repairs (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    activity_id bigint unsigned NOT NULL,
    epoch int NOT NULL,
    kind varchar(16) NOT NULL,
    amount int NOT NULL,
    reason varchar(64) NOT NULL,
    repaired_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_repairs_activity (activity_id, id)
  ) DEFAULT CHARSET=utf8mb4`,
];

const down = [
  'DROP TABLE repairs',
  'DROP TABLE pending_returns',
  'ALTER TABLE reservations DROP COLUMN idempotency_key',
];

export class CreateRepairs1700000000003 implements MigrationInterface {
  name = 'CreateRepairs1700000000003';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of up) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const sql of down) await runner.query(sql);
  }
}
