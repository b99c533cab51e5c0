import { createHash, randomBytes } from 'node:crypto';
import { tokenIdBytes } from './purchase-token';
import { createSignedBytes, type TokenHolder } from './signed-bytes';

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

const saltBytes = 9;

/** The content that is signed is `difficulty | salt`: 40 characters in all. */
export function createProofOfWork(options: {
  secret: string;
  difficulty: number;
  lifetimeSeconds: number;
  now?: () => number;
}): ProofOfWork {
  const { secret, difficulty, lifetimeSeconds, now = Date.now } = options;
  const signed = createSignedBytes({ secret, purpose: 'puzzle', contentBytes: 1 + saltBytes, now });
  return {
    pose(holder) {
      const expiry = Math.floor(now() / 1_000) + lifetimeSeconds;
      const content = Buffer.concat([Buffer.of(difficulty), randomBytes(saltBytes)]);
      const puzzle = signed.sign(holder, expiry, content);
      return { puzzle, difficulty, expiresAt: new Date(expiry * 1_000) };
    },
    check(puzzle, solution, holder) {
      const read = signed.read(puzzle, holder);
      if (!read) return undefined;
      const hash = createHash('sha256').update(`${puzzle}.${solution}`).digest();
      if (leadingZeroBits(hash) < read.content.readUInt8()) return undefined;
      // The rest of the MAC: a solution sent twice is the same token, which is good for one purchase.
      return read.rest.subarray(0, tokenIdBytes);
    },
  };
}

export function leadingZeroBits(bytes: Buffer): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? bytes.length * 8 : first * 8 + Math.clz32(bytes[first] ?? 0) - 24;
}
