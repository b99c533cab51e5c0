import { createSignedBytes, macOf, type TokenHolder } from './signed-bytes';
import type { HeldPlace } from './waiting-room';

/** Who stands where in a waiting room, signed: whoever asks how it stands has nobody look for his place. */
export interface QueueTickets {
  issue(holder: TokenHolder, held: HeldPlace, expiresAt: Date): string;
  /** Undefined of a ticket that is nobody's, another's, or not valid any more. */
  read(ticket: string, holder: TokenHolder): HeldPlace | undefined;
  /** Where somebody stands among those who came before the start: drawn by nobody, known to nobody before, and the same however often it is asked for. */
  lotOf(holder: TokenHolder): number;
}

const placeBytes = 4;
const bornBytes = 6;
const lotBytes = 6;

/** The content that is signed is `place | born (ms)`: 40 characters in all. */
export function createQueueTickets(options: { secret: string; now?: () => number }): QueueTickets {
  const { secret, now = Date.now } = options;
  const contentBytes = placeBytes + bornBytes;
  const signed = createSignedBytes({ secret, purpose: 'queue-ticket', contentBytes, now });
  return {
    issue(holder, { place, born }, expiresAt) {
      const content = Buffer.alloc(contentBytes);
      content.writeUInt32BE(place);
      content.writeUIntBE(born, placeBytes, bornBytes);
      return signed.sign(holder, Math.ceil(expiresAt.getTime() / 1_000), content);
    },
    read(ticket, holder) {
      const content = signed.read(ticket, holder)?.content;
      return content && { place: content.readUInt32BE(), born: content.readUIntBE(placeBytes, bornBytes) };
    },
    lotOf: (holder) =>
      macOf({ secret, purpose: 'queue-lot' }, holder, Buffer.alloc(0)).readUIntBE(0, lotBytes),
  };
}
