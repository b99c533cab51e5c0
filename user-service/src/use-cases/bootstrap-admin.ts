import { randomBytes } from 'node:crypto';
import { isAppError } from '@onrush/chassis/errors';
import { errors } from '../errors';
import { register, type Register } from './register';

export interface FirstAdmin {
  username: string;
  /** Known only when it was made just now; nobody can read it back. */
  password: string | null;
  created: boolean;
}

const username = 'admin';

/** The first admin, with a generated password; where there is an admin, nothing changes. */
export async function bootstrapAdmin(deps: Register): Promise<FirstAdmin> {
  if (await deps.users.hasRole('admin')) return { username, password: null, created: false };
  const password = randomBytes(18).toString('base64url');
  try {
    await register(deps, { username, password, role: 'admin' });
    return { username, password, created: true };
  } catch (error) {
    // Another process was faster.
    const isTaken = isAppError(error) && error.code === errors.usernameTaken.definition.code;
    if (!isTaken || !(await deps.users.hasRole('admin'))) throw error;
    return { username, password: null, created: false };
  }
}
