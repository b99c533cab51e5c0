import type { MigrationInterface, QueryRunner } from 'typeorm';

const table = `CREATE TABLE ip_rules (
    id bigint unsigned NOT NULL,
    action varchar(5) NOT NULL,
    cidr varchar(43) CHARACTER SET ascii NOT NULL,
    reason varchar(255) NOT NULL,
    expires_at datetime(3) NULL,
    created_by bigint unsigned NOT NULL,
    created_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY ux_ip_rules_cidr_action (cidr, action)
  ) DEFAULT CHARSET=utf8mb4`;

export class CreateIpRules1700000000003 implements MigrationInterface {
  name = 'CreateIpRules1700000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE ip_rules');
  }
}
