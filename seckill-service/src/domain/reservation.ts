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

/** One purchase as the Lua script handed it over. */
export interface AcceptedPurchase {
  reservationId: string;
  userId: string;
  orderNo: string;
  quantity: number;
  reservedAt: Date;
}
