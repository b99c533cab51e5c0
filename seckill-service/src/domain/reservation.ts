/** QUEUED: taken, no order yet. ORDERED: its order exists. REJECTED and RELEASED: over, the units are free again. */
export type ReservationStatus = 'QUEUED' | 'ORDERED' | 'REJECTED' | 'RELEASED';

export interface Reservation {
  id: string;
  activityId: string;
  userId: string;
  orderNo: string;
  quantity: number;
  status: ReservationStatus;
  reason: string | null;
  updatedAt: Date;
}

/** One purchase as Redis and the ledger keep it. */
export interface KeptPurchase {
  reservationId: string;
  userId: string;
  orderNo: string;
  quantity: number;
  /** The Idempotency-Key in base64url; empty when there was none. */
  key: string;
}

/** One purchase as the Lua script handed it over. */
export interface AcceptedPurchase extends KeptPurchase {
  /** The epoch of the live sale that accepted it. */
  epoch: number;
  reservedAt: Date;
}

export const unitsOf = (purchases: Iterable<{ quantity: number }>): number => {
  let units = 0;
  for (const { quantity } of purchases) units += quantity;
  return units;
};
