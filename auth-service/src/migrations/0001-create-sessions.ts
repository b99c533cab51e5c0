import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE sessions (
    id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    created_at datetime(3) NOT NULL,
    expires_at datetime(3) NOT NULL,
    revoked_at datetime(3) NULL,
    PRIMARY KEY (id),
    KEY ix_sessions_user (user_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE refresh_tokens (
    token_hash char(64) NOT NULL,
    session_id bigint unsigned NOT NULL,
    created_at datetime(3) NOT NULL,
    expires_at datetime(3) NOT NULL,
    used_at datetime(3) NULL,
    PRIMARY KEY (token_hash),
    KEY ix_refresh_tokens_session (session_id)
  ) DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE signing_keys (
    kid varchar(64) NOT NULL,
    public_jwk text NOT NULL,
    sealed_private_jwk text NOT NULL,
    created_at datetime(3) NOT NULL,
    PRIMARY KEY (kid),
    KEY ix_signing_keys_created (created_at)
  ) DEFAULT CHARSET=utf8mb4`,
];

export class CreateSessions1700000000001 implements MigrationInterface {
  name = 'CreateSessions1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of tables) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['signing_keys', 'refresh_tokens', 'sessions'])
      await runner.query(`DROP TABLE ${table}`);
  }
}
