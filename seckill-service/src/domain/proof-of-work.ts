import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { tokenIdBytes, type TokenHolder } from './purchase-token';

export interface Puzzle {
  puzzle: string;
  /** Leading zero bits that SHA-256 of `<puzzle>.<solution>` has to have: on average 2^difficulty tries. */
  difficulty: number;
  expiresAt: Date;
}

/**
 * Hashcash (A. Back, "Hashcash – a denial of service counter-measure", 2002), with puzzles that only we make: what a buyer's device does in a
 * moment costs a swarm of a hundred thousand dear. Nothing is kept: a puzzle says itself whose it is, how hard, and until when.
 */
export interface ProofOfWork {
  pose(holder: TokenHolder): Puzzle;
  /** What a token made for this solution is known by; undefined of a puzzle that is another's or too old, and of a wrong solution. */
  check(puzzle: string, solution: string, holder: TokenHolder): Buffer | undefined;
}

const headBytes = 5;
const saltBytes = 9;
const macBytes = 16;
const bodyBytes = headBytes + saltBytes;
const form = /^[\w-]{40}$/;

export function createProofOfWork(options: {
  secret: string;
  difficulty: number;
  lifetimeSeconds: number;
  now?: () => number;
}): ProofOfWork {
  const { secret, difficulty, lifetimeSeconds, now = Date.now } = options;
  const macOf = (body: Buffer, { activityId, userId }: TokenHolder): Buffer =>
    createHmac('sha256', secret).update(`puzzle:${activityId}:${userId}:`).update(body).digest();

  return {
    pose(holder) {
      const expiry = Math.floor(now() / 1_000) + lifetimeSeconds;
      const body = Buffer.alloc(bodyBytes);
      body.writeUInt32BE(expiry);
      body.writeUInt8(difficulty, 4);
      randomBytes(saltBytes).copy(body, headBytes);
      const puzzle = Buffer.concat([body, macOf(body, holder).subarray(0, macBytes)]).toString('base64url');
      return { puzzle, difficulty, expiresAt: new Date(expiry * 1_000) };
    },
    check(puzzle, solution, holder) {
      if (!form.test(puzzle)) return undefined;
      const bytes = Buffer.from(puzzle, 'base64url');
      const body = bytes.subarray(0, bodyBytes);
      const mac = macOf(body, holder);
      if (!timingSafeEqual(bytes.subarray(bodyBytes), mac.subarray(0, macBytes))) return undefined;
      if (body.readUInt32BE() * 1_000 <= now()) return undefined;
      const hash = createHash('sha256').update(`${puzzle}.${solution}`).digest();
      if (leadingZeroBits(hash) < body.readUInt8(4)) return undefined;
      // The rest of the MAC: a solution sent twice is the same token, which is good for one purchase.
      return mac.subarray(macBytes, macBytes + tokenIdBytes);
    },
  };
}

export function leadingZeroBits(bytes: Buffer): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? bytes.length * 8 : first * 8 + Math.clz32(bytes[first] ?? 0) - 24;
}
