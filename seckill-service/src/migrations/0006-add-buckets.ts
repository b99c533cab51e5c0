import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddBuckets1700000000006 implements MigrationInterface {
  name = 'AddBuckets1700000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE activities ADD COLUMN buckets int NOT NULL DEFAULT 1');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE activities DROP COLUMN buckets');
  }
}
