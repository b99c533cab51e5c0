import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Nobody looks for a reservation by its order's number, and the key guarded nothing: `INSERT IGNORE` left such a purchase out without a word. Numbers
 * are unique because of how they are made; that there is one order a number, orders guard.
 */
export class DropOrderNoIndex1700000000008 implements MigrationInterface {
  name = 'DropOrderNoIndex1700000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE reservations DROP INDEX uq_reservations_order_no');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE reservations ADD UNIQUE INDEX uq_reservations_order_no (order_no)');
  }
}
