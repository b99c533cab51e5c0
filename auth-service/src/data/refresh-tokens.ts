import { createHash, createHmac, randomBytes } from 'node:crypto';

/** Opaque, 256 bits. A successor is derived from its predecessor, so that a lost answer can be given again without keeping tokens. */
export interface RefreshTokens {
  create(): string;
  successorOf(token: string): string;
}

export function createRefreshTokens(secret: string): RefreshTokens {
  const key = createHash('sha256').update(`refresh ${secret}`).digest();
  return {
    create: () => randomBytes(32).toString('base64url'),
    successorOf: (token) => createHmac('sha256', key).update(token).digest('base64url'),
  };
}

/** What the database keeps of a token: SHA-256, hex. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
