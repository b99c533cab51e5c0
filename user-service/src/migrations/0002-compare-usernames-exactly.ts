import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The default collation takes "josé" for "jose": two people, and one of them could not register. */
export class CompareUsernamesExactly1700000000002 implements MigrationInterface {
  name = 'CompareUsernamesExactly1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE users MODIFY canonical_username varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE users MODIFY canonical_username varchar(64) CHARACTER SET utf8mb4 NOT NULL',
    );
  }
}
