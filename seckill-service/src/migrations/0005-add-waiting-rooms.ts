import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = [
  'ALTER TABLE activities ADD COLUMN waiting_room varchar(255) NULL',
  `CREATE TABLE waiting_rooms (
    activity_id bigint unsigned NOT NULL,
    window_size int NOT NULL,
    issued int NOT NULL,
    admitted int NOT NULL,
    PRIMARY KEY (activity_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE sale_records (
    activity_id bigint unsigned NOT NULL,
    seq int unsigned NOT NULL,
    kind varchar(16) CHARACTER SET ascii NOT NULL,
    payload mediumtext NOT NULL,
    recorded_at datetime(3) NOT NULL,
    previous_hash char(64) CHARACTER SET ascii NOT NULL,
    hash char(64) CHARACTER SET ascii NOT NULL,
    PRIMARY KEY (activity_id, seq)
  ) DEFAULT CHARSET=utf8mb4`,
];

const down = [
  'DROP TABLE sale_records',
  'DROP TABLE waiting_rooms',
  'ALTER TABLE activities DROP COLUMN waiting_room',
];

export class AddWaitingRooms1700000000005 implements MigrationInterface {
  name = 'AddWaitingRooms1700000000005';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of up) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const sql of down) await runner.query(sql);
  }
}
