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

/** A state comes after another only where its number is larger: a reader never sees one go back. */
const order: Record<ReservationStatus, number> = { QUEUED: 0, ORDERED: 1, REJECTED: 2, RELEASED: 2 };

export const isLater = (next: ReservationStatus, than: ReservationStatus): boolean =>
  order[next] > order[than];

/** Nothing follows any more. ORDERED is not final: an order that is not paid is cancelled, and its reservation RELEASED. */
export const isFinal = (status: ReservationStatus): boolean => order[status] === order.RELEASED;

/** What became of reservations of one activity at one time, as processes tell each other. */
export interface ResultChange {
  status: Exclude<ReservationStatus, 'QUEUED'>;
  reason: string | null;
  at: Date;
  ids: string[];
}

/** One purchase as Redis and the ledger keep it. */
export interface KeptPurchase {
  reservationId: string;
  userId: string;
  orderNo: string;
  quantity: number;
  /** The Idempotency-Key in base64url; empty when there was none. */
  key: string;
  /** W3C, where it is traced. */
  traceparent?: string | undefined;
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
