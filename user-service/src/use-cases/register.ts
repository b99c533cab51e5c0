import type { DataSource } from 'typeorm';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction, isDuplicateKey } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { userRegistered } from '@onrush/proto';
import type { Passwords } from '../data/passwords';
import type { UserRepository } from '../data/user-repository';
import { isCommonPassword } from '../domain/common-passwords';
import { createUser, type RoleName, type User } from '../domain/user';
import { errors } from '../errors';

export interface Register {
  db: DataSource;
  users: UserRepository;
  passwords: Passwords;
  outbox: Outbox;
  ids: Snowflake;
}

/** The unique key decides who gets a name, so that of many at once one wins. */
export async function register(
  deps: Register,
  { username, password, role = 'user' }: { username: string; password: string; role?: RoleName },
): Promise<User> {
  if (isCommonPassword(password))
    throw errors.passwordTooCommon({
      fields: [{ field: 'password', message: 'is on every list of leaked passwords' }],
    });
  const passwordHash = await deps.passwords.hash(password);
  const user = createUser(deps.ids.nextId(), { username, passwordHash, now: new Date() });
  try {
    await inTransaction(deps.db, async (tx) => {
      await deps.users.insert(tx, user, role);
      await deps.outbox.add(tx, [
        newEvent(userRegistered, user.id, {
          user_id: user.id,
          username: user.username,
          at: user.createdAt.toISOString(),
        }),
      ]);
    });
  } catch (error) {
    if (isDuplicateKey(error, 'uq_users_canonical_username')) throw errors.usernameTaken({ cause: error });
    throw error;
  }
  deps.outbox.wake();
  return user;
}
