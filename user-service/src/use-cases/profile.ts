import type { UserRepository } from '../data/user-repository';
import type { Account, ProfileChange } from '../domain/user';
import { errors } from '../errors';

export async function findAccount({ users }: { users: UserRepository }, id: string): Promise<Account> {
  const account = await users.find(id);
  if (!account) throw errors.userNotFound({ meta: { id } });
  return account;
}

export async function changeProfile(
  { users }: { users: UserRepository },
  id: string,
  change: ProfileChange,
): Promise<Account> {
  if (Object.keys(change).length > 0) await users.changeProfile(id, change);
  return findAccount({ users }, id);
}
