import { outboxMigrationSql } from '@onrush/chassis/outbox';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE users (
    id bigint unsigned NOT NULL,
    username varchar(32) NOT NULL,
    canonical_username varchar(64) NOT NULL,
    password_hash varchar(200) NOT NULL,
    nickname varchar(64) NOT NULL,
    avatar_url varchar(500) NULL,
    gender varchar(16) NULL,
    locale varchar(16) NOT NULL,
    disabled tinyint NOT NULL DEFAULT 0,
    created_at datetime(3) NOT NULL,
    updated_at datetime(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_users_canonical_username (canonical_username)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE roles (
    name varchar(32) NOT NULL,
    permissions text NOT NULL,
    PRIMARY KEY (name)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE user_roles (
    user_id bigint unsigned NOT NULL,
    role varchar(32) NOT NULL,
    PRIMARY KEY (user_id, role),
    KEY ix_user_roles_role (role)
  ) DEFAULT CHARSET=utf8mb4`,
  `INSERT INTO roles (name, permissions) VALUES ('admin', '["*"]'), ('user', '[]')`,
];

export class CreateUsers1700000000001 implements MigrationInterface {
  name = 'CreateUsers1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...tables, ...outboxMigrationSql()]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['outbox', 'user_roles', 'roles', 'users']) await runner.query(`DROP TABLE ${table}`);
  }
}
