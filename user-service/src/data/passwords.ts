import { createHash, randomBytes } from 'node:crypto';
import { compare, hash } from '@node-rs/bcrypt';
import { errors } from '../errors';

/**
 * bcrypt over a SHA-256 pre-hash, so that no password is cut at 72 bytes. The algorithm stands in front of the hash, so that it can change.
 * Hashing runs on the thread pool, a few at a time: a storm of log-ins is told to come back, and nobody else waits for it.
 */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long for a user that does not exist (`undefined`) as for a wrong password. */
  matches(password: string, stored: string | undefined): Promise<boolean>;
  /** True when the policy has become stricter since this hash was made. */
  isOutdated(stored: string): boolean;
}

const algorithm = 'bcrypt-sha256';

export function createPasswords(options: {
  cost: number;
  concurrency: number;
  queueLimit: number;
}): Passwords {
  const turn = createTurns(options.concurrency, options.queueLimit);
  const hashOf = async (password: string) =>
    `${algorithm}:${await hash(prehash(password), { cost: options.cost })}`;
  const nobodysHash = hashOf(randomBytes(16).toString('hex'));

  return {
    hash: (password) => turn(() => hashOf(password)),
    matches: (password, stored) =>
      turn(async () => {
        const isRight = await compare(
          prehash(password),
          (stored ?? (await nobodysHash)).slice(algorithm.length + 1),
        );
        return isRight && stored !== undefined;
      }),
    isOutdated: (stored) => !stored.startsWith(`${algorithm}:$2b$${String(options.cost).padStart(2, '0')}$`),
  };
}

const prehash = (password: string): string =>
  createHash('sha256').update(password.normalize('NFC')).digest('base64');

/** At most `concurrency` pieces of work at once, and at most `limit` waiting. */
function createTurns(concurrency: number, limit: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= concurrency) {
      if (waiting.length >= limit) throw errors.tooManyPasswordChecks({ retryAfterSeconds: 2 });
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
