import { outboxBatchesMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOutboxBatches1700000000002 implements MigrationInterface {
  name = 'CreateOutboxBatches1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of outboxBatchesMigrationSql()) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE outbox_batches');
  }
}
