import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddTokenRequired1700000000004 implements MigrationInterface {
  name = 'AddTokenRequired1700000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE activities ADD COLUMN token_required tinyint(1) NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE activities DROP COLUMN token_required');
  }
}
