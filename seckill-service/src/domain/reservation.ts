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

/** One purchase as the Lua script handed it over. */
export interface AcceptedPurchase {
  reservationId: string;
  userId: string;
  orderNo: string;
  quantity: number;
  reservedAt: Date;
}
