import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of one user there are few notifications, and his index finds them: counting the unread ones needs none of its own, which every notification would pay for. */
export class DropUnreadIndex1700000000003 implements MigrationInterface {
  name = 'DropUnreadIndex1700000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE notifications DROP INDEX ix_notifications_unread');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE notifications ADD INDEX ix_notifications_unread (user_id, read_at)');
  }
}
