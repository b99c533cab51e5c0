import { createHash } from 'node:crypto';
import { createProofOfWork, leadingZeroBits } from '../src/domain/proof-of-work';
import { createPurchaseTokens } from '../src/domain/purchase-token';

const secret = 'thirty-two characters at the least';
const holder = { activityId: '12', userId: '7' };
let at = 1_000_000;
const now = () => at;
beforeEach(() => void (at = 1_000_000));
const tokens = createPurchaseTokens({ secret, lifetimeSeconds: 60, now });

test('a token is its holder’s, in this activity, for its time', () => {
  const { token, expiresAt } = tokens.issue(holder);

  expect(tokens.idOf(token, holder)).toMatch(/^[\w-]{16}$/);
  expect(expiresAt).toEqual(new Date(1_060_000));
  expect(tokens.idOf(token, { ...holder, userId: '8' })).toBeUndefined();
  expect(tokens.idOf(token, { ...holder, activityId: '13' })).toBeUndefined();
  // The parts of the signed text cannot be shifted against each other.
  expect(tokens.idOf(token, { activityId: '1', userId: '27' })).toBeUndefined();
  at = 1_059_999;
  expect(tokens.idOf(token, holder)).toBeDefined();
  at = 1_060_000;
  expect(tokens.idOf(token, holder)).toBeUndefined();
});

test('no bit of a token can be changed, and another secret’s is nobody’s', () => {
  const { token } = tokens.issue(holder);
  const bytes = Buffer.from(token, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const forged = Buffer.from(bytes);
    forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(tokens.idOf(forged.toString('base64url'), holder)).toBeUndefined();
  }
  const other = createPurchaseTokens({ secret: 'x'.repeat(32), lifetimeSeconds: 60, now });
  expect(tokens.idOf(other.issue(holder).token, holder)).toBeUndefined();
});

test.each(['', 'a', '%', 'a'.repeat(43), 'a'.repeat(512), '\u0000'])('%j is no token', (text) => {
  expect(tokens.idOf(text, holder)).toBeUndefined();
});

const proofOfWork = createProofOfWork({ secret, difficulty: 8, lifetimeSeconds: 60, now });
function solve(puzzle: string, bits: number): string {
  for (let tried = 0; ; tried += 1) {
    const hash = createHash('sha256').update(`${puzzle}.${tried}`).digest();
    if (leadingZeroBits(hash) >= bits) return String(tried);
  }
}
/** One that misses. */
function miss(puzzle: string): string {
  for (let tried = 0; ; tried += 1) {
    const hash = createHash('sha256').update(`${puzzle}.${tried}`).digest();
    if (leadingZeroBits(hash) < 8) return String(tried);
  }
}

test('a solved puzzle is its holder’s, in its time, and always the same token', () => {
  const { puzzle, difficulty, expiresAt } = proofOfWork.pose(holder);
  const solution = solve(puzzle, 8);

  const id = proofOfWork.check(puzzle, solution, holder);

  expect({ difficulty, expiresAt }).toEqual({ difficulty: 8, expiresAt: new Date(1_060_000) });
  expect(id).toHaveLength(12);
  expect(proofOfWork.check(puzzle, solution, holder)).toEqual(id);
  expect(proofOfWork.check(puzzle, miss(puzzle), holder)).toBeUndefined();
  expect(proofOfWork.check(puzzle, solution, { ...holder, userId: '8' })).toBeUndefined();
  at = 1_060_000;
  expect(proofOfWork.check(puzzle, solution, holder)).toBeUndefined();
});

test('a puzzle cannot be made easier', () => {
  const { puzzle } = proofOfWork.pose(holder);
  const bytes = Buffer.from(puzzle, 'base64url');
  bytes.writeUInt8(0, 4);
  const easier = bytes.toString('base64url');

  expect(proofOfWork.check(easier, solve(easier, 0), holder)).toBeUndefined();
});

test('leading zero bits are counted over bytes', () => {
  const counts = [[0x80], [0x01], [0, 0xff], [0, 0x10], [0, 0]].map((bytes) =>
    leadingZeroBits(Buffer.from(bytes)),
  );

  expect(counts).toEqual([0, 7, 8, 11, 16]);
});
