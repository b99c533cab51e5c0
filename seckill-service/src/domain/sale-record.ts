import { createHash, type Hash } from 'node:crypto';
import { changeOf, type Operation, type RulesChange, type StockChange } from './operation';
import { unitsOf, type KeptPurchase } from './reservation';

/**
 * SOLD and REJECTED: what was written into the ledger together. RELEASED: a reservation gave its units back. ADMITTED: who was let out of the
 * waiting room in one step. CONTROLLED: an operation on the sale that has become effective in the ledger.
 */
export type RecordKind = 'SOLD' | 'REJECTED' | 'RELEASED' | 'ADMITTED' | 'CONTROLLED';

export interface SoldBatch {
  batch: string;
  reservations: number;
  units: number;
  /** Of all that the ledger's rows of this batch have, and never change. */
  digest: string;
}
export interface Released {
  reservation: string;
  units: number;
  reason: string;
}
export interface Admitted {
  /** The first and the last place; none where it tells only that the room is another one. */
  from: number;
  to: number;
  /** Milliseconds of Redis' clock. */
  at: number;
  /** When the room was made; not in records of versions before. */
  room?: number;
  /** By place. Fewer than places where Redis lost the room, and not everybody has come back. */
  users: string[];
}
export type Controlled = (RulesChange | StockChange) & {
  operation: string;
  revision: number;
  by: string;
  reason: string | null;
};

export type NewRecord =
  | { kind: 'SOLD'; payload: SoldBatch }
  | { kind: 'REJECTED'; payload: SoldBatch & { reason: string } }
  | { kind: 'RELEASED'; payload: Released }
  | { kind: 'ADMITTED'; payload: Admitted }
  | { kind: 'CONTROLLED'; payload: Controlled };

/** One link of the chain of an activity, as it is kept: its hash is over all the rest, and the next one holds it. */
export interface SaleRecord {
  activityId: string;
  /** 1, 2, 3 … */
  seq: number;
  kind: string;
  /** JSON, exactly as it was hashed. */
  payload: string;
  recordedAt: Date;
  previousHash: string;
  hash: string;
}

/** What the first record of every activity follows. */
export const noRecord = { seq: 0, hash: '0'.repeat(64) };

export const hashOf = (record: Omit<SaleRecord, 'hash'>): string =>
  createHash('sha256')
    .update(
      [
        record.previousHash,
        record.activityId,
        record.seq,
        record.kind,
        record.recordedAt.toISOString(),
        record.payload,
      ].join('\n'),
    )
    .digest('hex');

/** The record that comes after that one. */
export function nextRecord(
  activityId: string,
  last: Pick<SaleRecord, 'seq' | 'hash'>,
  { kind, payload, recordedAt }: NewRecord & { recordedAt: Date },
): SaleRecord {
  const text = JSON.stringify(payload);
  const record = { activityId, seq: last.seq + 1, kind, payload: text, recordedAt, previousHash: last.hash };
  return { ...record, hash: hashOf(record) };
}

/** A row of the ledger, as far as it never changes. */
export type WrittenPurchase = KeptPurchase & { reservedAt: Date };

/** The digest of a batch, row by row in the order of their ids. */
export function createDigest(): { add(row: WrittenPurchase): void; end(): string } {
  const hash: Hash = createHash('sha256');
  return {
    add: ({ reservationId, userId, orderNo, quantity, key, reservedAt }) =>
      void hash.update(`${reservationId}:${userId}:${orderNo}:${quantity}:${key}:${reservedAt.getTime()}\n`),
    end: () => hash.digest('hex'),
  };
}

export function soldBatch(batch: string, written: WrittenPurchase[]): SoldBatch {
  const digest = createDigest();
  for (const row of written.toSorted(byId)) digest.add(row);
  return { batch, reservations: written.length, units: unitsOf(written), digest: digest.end() };
}

/** Ids are decimal numbers without leading zeros. */
const byId = ({ reservationId: a }: WrittenPurchase, { reservationId: b }: WrittenPurchase): number =>
  a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

export function controlled(operation: Operation): Controlled {
  const { id, revision, by, reason } = operation;
  return { operation: id, revision, by, reason, ...changeOf(operation) };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';

/** What a record tells; undefined where it is nothing that one can. */
export function parsePayload(kind: string, text: string): NewRecord | undefined {
  let payload: Record<string, unknown>;
  try {
    payload = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { batch, reservations, units, digest, reason, reservation, from, to, users, operation } = payload;
  const isBatch = isText(batch) && isText(digest) && isCount(reservations) && isCount(units);
  const isTold =
    (kind === 'SOLD' && isBatch) ||
    (kind === 'REJECTED' && isBatch && isText(reason)) ||
    (kind === 'RELEASED' && isText(reservation) && isText(reason) && isCount(units)) ||
    (kind === 'ADMITTED' && isCount(from) && isCount(to) && Array.isArray(users)) ||
    (kind === 'CONTROLLED' && isText(operation) && isText(payload['kind']));
  return isTold ? ({ kind, payload } as unknown as NewRecord) : undefined;
}
