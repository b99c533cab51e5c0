import { EntitySchema } from 'typeorm';
import type { User } from '../domain/user';

const time = { type: 'datetime', precision: 3 } as const;

export const UserTable = new EntitySchema<User>({
  name: 'User',
  tableName: 'users',
  columns: {
    id: { type: 'bigint', unsigned: true, primary: true },
    username: { type: 'varchar', length: 32 },
    canonicalUsername: { name: 'canonical_username', type: 'varchar', length: 64 },
    passwordHash: { name: 'password_hash', type: 'varchar', length: 200 },
    nickname: { type: 'varchar', length: 64 },
    avatarUrl: { name: 'avatar_url', type: 'varchar', length: 500, nullable: true },
    gender: { type: 'varchar', length: 16, nullable: true },
    locale: { type: 'varchar', length: 16 },
    disabled: { type: 'tinyint', default: 0, transformer: { to: Number, from: Boolean } },
    createdAt: { name: 'created_at', ...time },
    updatedAt: { name: 'updated_at', ...time },
  },
});
