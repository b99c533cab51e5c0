import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddReservationRevision1700000000002 implements MigrationInterface {
  name = 'AddReservationRevision1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE stock_reservations ADD COLUMN revision int NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE stock_reservations DROP COLUMN revision');
  }
}
