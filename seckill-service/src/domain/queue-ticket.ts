import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TokenHolder } from './purchase-token';
import type { HeldPlace } from './waiting-room';

/** Who stands where in a waiting room, signed: whoever asks how it stands has nobody look for his place. */
export interface QueueTickets {
  issue(holder: TokenHolder, held: HeldPlace, expiresAt: Date): string;
  /** Undefined of a ticket that is nobody's, another's, or not valid any more. */
  read(ticket: string, holder: TokenHolder): HeldPlace | undefined;
  /** Where somebody stands among those who came before the start: drawn by nobody, known to nobody before, and the same however often it is asked for. */
  lotOf(holder: TokenHolder): number;
}

const bodyBytes = 14;
const macBytes = 16;
const lotBytes = 6;
const form = /^[\w-]{40}$/;

/** `expiry (s since 1970) | place | born (ms) | HMAC-SHA256 over them, the activity and the user`, as base64url: 40 characters. */
export function createQueueTickets(options: { secret: string; now?: () => number }): QueueTickets {
  const { secret, now = Date.now } = options;
  const macOf = (purpose: string, { activityId, userId }: TokenHolder, body = Buffer.alloc(0)): Buffer =>
    createHmac('sha256', secret).update(`${purpose}:${activityId}:${userId}:`).update(body).digest();

  return {
    issue(holder, { place, born }, expiresAt) {
      const body = Buffer.alloc(bodyBytes);
      body.writeUInt32BE(Math.ceil(expiresAt.getTime() / 1_000));
      body.writeUInt32BE(place, 4);
      body.writeUIntBE(born, 8, 6);
      const mac = macOf('queue-ticket', holder, body).subarray(0, macBytes);
      return Buffer.concat([body, mac]).toString('base64url');
    },
    read(ticket, holder) {
      if (!form.test(ticket)) return undefined;
      const bytes = Buffer.from(ticket, 'base64url');
      const body = bytes.subarray(0, bodyBytes);
      const mac = macOf('queue-ticket', holder, body).subarray(0, macBytes);
      if (!timingSafeEqual(bytes.subarray(bodyBytes), mac)) return undefined;
      if (body.readUInt32BE() * 1_000 <= now()) return undefined;
      return { place: body.readUInt32BE(4), born: body.readUIntBE(8, 6) };
    },
    lotOf: (holder) => macOf('queue-lot', holder).readUIntBE(0, lotBytes),
  };
}
