import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { Account, ProfileChange, RoleName, User } from '../domain/user';
import { UserTable } from './user-table';

export interface UserRepository {
  /** Throws the duplicate-key error of MySQL when the name is taken. */
  insert(tx: EntityManager, user: User, role: RoleName): Promise<void>;
  findByName(canonicalUsername: string): Promise<Account | null>;
  find(id: string): Promise<Account | null>;
  hasRole(role: RoleName): Promise<boolean>;
  changeProfile(id: string, change: ProfileChange): Promise<void>;
  changePasswordHash(id: string, passwordHash: string): Promise<void>;
}

export function createUserRepository(db: DataSource): UserRepository {
  const table = db.getRepository(UserTable);

  async function withRoles(user: User | null): Promise<Account | null> {
    if (!user) return null;
    const rows = await db.query<{ name: string; permissions: string }[]>(
      'SELECT name, permissions FROM roles JOIN user_roles ON role = name WHERE user_id = ? ORDER BY name',
      [user.id],
    );
    const permissions = rows.flatMap((row) => JSON.parse(row.permissions) as string[]);
    return { user, roles: rows.map((row) => row.name), permissions: [...new Set(permissions)] };
  }

  return {
    async insert(tx, user, role) {
      await tx.createQueryBuilder().insert().into(UserTable).values(user).updateEntity(false).execute();
      await insertRows(tx, 'user_roles', { columns: ['user_id', 'role'], rows: [[user.id, role]] });
    },
    async findByName(canonicalUsername) {
      const user = await table.findOneBy({ canonicalUsername });
      // A collation may take other names for the same; failed log-ins are counted by the exact one.
      return withRoles(user?.canonicalUsername === canonicalUsername ? user : null);
    },
    find: async (id) => withRoles(await table.findOneBy({ id })),
    async hasRole(role) {
      const rows = await db.query<unknown[]>('SELECT 1 FROM user_roles WHERE role = ? LIMIT 1', [role]);
      return rows.length > 0;
    },
    async changeProfile(id, change) {
      await table.update({ id }, { ...change, updatedAt: new Date() });
    },
    async changePasswordHash(id, passwordHash) {
      await table.update({ id }, { passwordHash, updatedAt: new Date() });
    },
  };
}
