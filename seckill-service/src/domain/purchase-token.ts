import { randomBytes } from 'node:crypto';
import { createSignedBytes, type TokenHolder } from './signed-bytes';

export interface IssuedToken {
  token: string;
  expiresAt: Date;
}

/** Says that this user was let through to this sale just now; whoever has the secret can check it, without asking anybody. */
export interface PurchaseTokens {
  /** `id` makes it single-use: the same id is the same token. */
  issue(holder: TokenHolder, id?: Buffer): IssuedToken;
  /** The token's id as text; undefined of a token that is nobody's, another's, or not valid any more. */
  idOf(token: string, holder: TokenHolder): string | undefined;
}

export const tokenIdBytes = 12;

/** The content that is signed is the token's id: 43 characters in all. */
export function createPurchaseTokens(options: {
  secret: string;
  lifetimeSeconds: number;
  now?: () => number;
}): PurchaseTokens {
  const { secret, lifetimeSeconds, now = Date.now } = options;
  const signed = createSignedBytes({ secret, purpose: 'purchase-token', contentBytes: tokenIdBytes, now });
  return {
    issue(holder, id = randomBytes(tokenIdBytes)) {
      const expiry = Math.floor(now() / 1_000) + lifetimeSeconds;
      return { token: signed.sign(holder, expiry, id), expiresAt: new Date(expiry * 1_000) };
    },
    idOf: (token, holder) => signed.read(token, holder)?.content.toString('base64url'),
  };
}
