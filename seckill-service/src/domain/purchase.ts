/** One try to buy. */
export interface Purchase {
  activityId: string;
  userId: string;
  quantity: number;
  /** The client's Idempotency-Key; empty means that every request is a new try. */
  idempotencyKey: string;
}

export type RefusalReason =
  'not-warmed-up' | 'not-started' | 'paused' | 'ended' | 'sold-out' | 'over-limit' | 'idempotency-key-reused';

export type PurchaseAnswer =
  { accepted: true; reservationId: string; orderNo: string } | { accepted: false; reason: RefusalReason };
