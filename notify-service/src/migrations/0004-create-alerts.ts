import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The inbox of operators. An alert that fires again after it was resolved begins at another moment, and is another row. */
export class CreateAlerts1700000000004 implements MigrationInterface {
  name = 'CreateAlerts1700000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE alerts (
      id bigint unsigned NOT NULL,
      fingerprint char(16) NOT NULL,
      starts_at datetime(3) NOT NULL,
      name varchar(200) NOT NULL,
      severity varchar(32) NOT NULL,
      status varchar(16) NOT NULL,
      summary varchar(500) NOT NULL,
      description varchar(2000) NOT NULL,
      runbook_url varchar(500) NOT NULL,
      labels mediumtext NOT NULL,
      ends_at datetime(3) NULL,
      received_at datetime(3) NOT NULL,
      updated_at datetime(3) NOT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uq_alerts_occurrence (fingerprint, starts_at),
      KEY ix_alerts_status (status, id)
    ) DEFAULT CHARSET=utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE alerts');
  }
}
