import type { MigrationInterface, QueryRunner } from 'typeorm';

const table = `CREATE TABLE rehearsal_grants (
    session_id bigint unsigned NOT NULL,
    granted_by bigint unsigned NOT NULL,
    users int NOT NULL,
    reason varchar(200) NOT NULL,
    granted_at datetime(3) NOT NULL,
    PRIMARY KEY (session_id),
    KEY ix_rehearsal_grants_at (granted_at)
  ) DEFAULT CHARSET=utf8mb4`;

export class CreateRehearsalGrants1700000000004 implements MigrationInterface {
  name = 'CreateRehearsalGrants1700000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rehearsal_grants');
  }
}
