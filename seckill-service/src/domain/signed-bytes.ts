import { createHmac, timingSafeEqual } from 'node:crypto';

/** Who may use what was signed, and for which sale. */
export interface TokenHolder {
  activityId: string;
  userId: string;
}

/** What only whoever has the secret can have written: for one purpose, one user and one sale, and until a time that it says itself. */
export interface SignedBytes {
  /** `expiry (s since 1970) | content | HMAC-SHA256 over them, the activity and the user`, as base64url. */
  sign(holder: TokenHolder, expiry: number, content: Buffer): string;
  /** Undefined of a text that is nobody's, another's, or not valid any more. `rest` is what of the HMAC is not in the text. */
  read(text: string, holder: TokenHolder): { content: Buffer; rest: Buffer } | undefined;
}

const expiryBytes = 4;
/** Half of SHA-256's output: RFC 2104 §5 allows no less. */
const macBytes = 16;
const form = /^[\w-]+$/;

/** `purpose`: what is signed for one is nothing for another. */
export const macOf = (
  { secret, purpose }: { secret: string; purpose: string },
  { activityId, userId }: TokenHolder,
  body: Buffer,
): Buffer => createHmac('sha256', secret).update(`${purpose}:${activityId}:${userId}:`).update(body).digest();

export function createSignedBytes(options: {
  secret: string;
  purpose: string;
  contentBytes: number;
  now: () => number;
}): SignedBytes {
  const { contentBytes, now } = options;
  const bodyBytes = expiryBytes + contentBytes;
  const length = Math.ceil(((bodyBytes + macBytes) * 4) / 3);
  return {
    sign(holder, expiry, content) {
      const body = Buffer.alloc(bodyBytes);
      body.writeUInt32BE(expiry);
      content.copy(body, expiryBytes);
      const mac = macOf(options, holder, body).subarray(0, macBytes);
      return Buffer.concat([body, mac]).toString('base64url');
    },
    read(text, holder) {
      if (text.length !== length || !form.test(text)) return undefined;
      const bytes = Buffer.from(text, 'base64url');
      const body = bytes.subarray(0, bodyBytes);
      const mac = macOf(options, holder, body);
      if (!timingSafeEqual(bytes.subarray(bodyBytes), mac.subarray(0, macBytes))) return undefined;
      if (body.readUInt32BE() * 1_000 <= now()) return undefined;
      return { content: body.subarray(expiryBytes), rest: mac.subarray(macBytes) };
    },
  };
}
