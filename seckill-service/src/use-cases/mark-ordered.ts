import type { DataSource } from 'typeorm';
import { reservationLedger } from '../data/reservation-ledger';
import type { ResultNews } from '../data/result-news';

export interface OrderedReservation {
  id: string;
  activityId: string | null;
}

export interface MarkOrdered {
  db: DataSource;
  results: ResultNews;
}

/** The orders of these reservations exist. A reservation that is over stays so, and whoever follows it takes no notice of what is told here. */
export async function markOrdered(
  { db, results }: MarkOrdered,
  reservations: OrderedReservation[],
): Promise<void> {
  if (reservations.length === 0) return;
  const at = new Date();
  await reservationLedger.markOrdered(
    db,
    reservations.map(({ id }) => id),
    at,
  );
  for (const [activityId, ordered] of Map.groupBy(reservations, (reservation) => reservation.activityId))
    if (activityId !== null)
      results.tell(activityId, { status: 'ORDERED', reason: null, at, ids: ordered.map(({ id }) => id) });
}
