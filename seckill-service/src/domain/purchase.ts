import { isOfRehearsal } from '@onrush/proto';

/** One try to buy. */
export interface Purchase {
  activityId: string;
  userId: string;
  quantity: number;
  /** The client's Idempotency-Key; empty means that every request is a new try. */
  idempotencyKey: string;
  /** The purchase token; empty without one. */
  token: string;
  /** W3C, where it is traced. */
  traceparent?: string | undefined;
}

const id = /^[1-9]\d{0,18}$/;

/** Checked wherever a purchase comes in: a negative quantity would give units to the sale. */
export const isWellFormed = ({ activityId, userId, quantity, idempotencyKey, token }: Purchase): boolean =>
  id.test(activityId) &&
  id.test(userId) &&
  Number.isInteger(quantity) &&
  quantity >= 1 &&
  quantity <= 100 &&
  idempotencyKey.length <= 255 &&
  token.length <= 512;

/** Rehearsals are for synthetic users alone, and they for nothing else: neither may learn that the other's sales exist. */
export const isOfOneWorld = ({ activityId, userId }: Pick<Purchase, 'activityId' | 'userId'>): boolean =>
  isOfRehearsal(activityId) === isOfRehearsal(userId);

export type RefusalReason =
  | 'not-warmed-up'
  | 'not-started'
  | 'paused'
  | 'ended'
  | 'sold-out'
  | 'over-limit'
  | 'idempotency-key-reused'
  | 'token-refused'
  | 'backlog'
  /** Not known: a bucket that may have units could not be asked, or others were always quicker. */
  | 'undecided';

export type PurchaseAnswer =
  { accepted: true; reservationId: string; orderNo: string } | { accepted: false; reason: RefusalReason };

/** What is known of a sale that is open and has no unit left: whoever holds nothing in it is refused, as long as that is so. */
export interface SoldOut {
  epoch: string;
  perUserLimit: number;
  /** How many users have ever bought something in this epoch; they are only ever more. */
  buyers: number;
}
