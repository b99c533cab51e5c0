import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexRevokedSessions1700000000002 implements MigrationInterface {
  name = 'IndexRevokedSessions1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions ADD KEY ix_sessions_revoked (revoked_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions DROP KEY ix_sessions_revoked');
  }
}
