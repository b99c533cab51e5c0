import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Whom a token lets buy what. */
export interface TokenHolder {
  activityId: string;
  userId: string;
}

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
const expiryBytes = 4;
/** Half of SHA-256's output: RFC 2104 §5 allows no less. */
const macBytes = 16;
const bodyBytes = expiryBytes + tokenIdBytes;
const form = /^[\w-]{43}$/;

/** `expiry (s since 1970) | id | HMAC-SHA256 over them, the activity and the user`, as base64url: 43 characters. */
export function createPurchaseTokens(options: {
  secret: string;
  lifetimeSeconds: number;
  now?: () => number;
}): PurchaseTokens {
  const { secret, lifetimeSeconds, now = Date.now } = options;
  const macOf = (body: Buffer, { activityId, userId }: TokenHolder): Buffer =>
    createHmac('sha256', secret)
      .update(`purchase-token:${activityId}:${userId}:`)
      .update(body)
      .digest()
      .subarray(0, macBytes);

  return {
    issue(holder, id = randomBytes(tokenIdBytes)) {
      const expiry = Math.floor(now() / 1_000) + lifetimeSeconds;
      const body = Buffer.alloc(bodyBytes);
      body.writeUInt32BE(expiry);
      id.copy(body, expiryBytes);
      const token = Buffer.concat([body, macOf(body, holder)]).toString('base64url');
      return { token, expiresAt: new Date(expiry * 1_000) };
    },
    idOf(token, holder) {
      if (!form.test(token)) return undefined;
      const bytes = Buffer.from(token, 'base64url');
      const body = bytes.subarray(0, bodyBytes);
      if (!timingSafeEqual(bytes.subarray(bodyBytes), macOf(body, holder))) return undefined;
      if (body.readUInt32BE() * 1_000 <= now()) return undefined;
      return body.subarray(expiryBytes).toString('base64url');
    },
  };
}
