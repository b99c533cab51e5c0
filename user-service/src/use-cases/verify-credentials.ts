import type { Passwords } from '../data/passwords';
import type { UserRepository } from '../data/user-repository';
import { canonicalUsername, type Account } from '../domain/user';
import { errors } from '../errors';

/** One error for an unknown name, a wrong password and a disabled user, after the same time. */
export async function verifyCredentials(
  { users, passwords }: { users: UserRepository; passwords: Passwords },
  { username, password }: { username: string; password: string },
): Promise<Account> {
  const account = await users.findByName(canonicalUsername(username));
  const isRight = await passwords.matches(password, account?.user.passwordHash);
  if (!isRight || !account || account.user.disabled) throw errors.wrongCredentials();
  if (passwords.isOutdated(account.user.passwordHash)) {
    await users.changePasswordHash(account.user.id, await passwords.hash(password));
  }
  return account;
}
