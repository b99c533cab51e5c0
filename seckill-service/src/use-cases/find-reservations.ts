import type { DataSource } from 'typeorm';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import { reservationLedger } from '../data/reservation-ledger';
import type { Activity } from '../domain/activity';
import type { Reservation } from '../domain/reservation';
import { errors } from '../errors';

export interface FindReservations {
  db: DataSource;
  activities: ActivityRepository;
  sales: LiveSales;
}

/** The ledger knows it; or Redis accepted it a moment ago, and the ledger will. Another user's does not exist. */
export async function findReservation(
  deps: FindReservations,
  id: string,
  userId: string,
): Promise<Reservation> {
  const written = await reservationLedger.find(deps.db, id);
  const reservation = written ?? (await findInLiveSales(deps, id, userId));
  if (reservation?.userId !== userId) throw errors.reservationNotFound({ meta: { id } });
  return reservation;
}

async function findInLiveSales(
  { activities, sales }: FindReservations,
  id: string,
  userId: string,
): Promise<Reservation | undefined> {
  const undrained = await activities.findUndrained();
  const own = await Promise.all(undrained.map((activity) => sales.reservationsOf(activity.id, userId)));
  const found = own.flat().find((reservation) => reservation.id === id);
  if (!found) await Promise.all(undrained.map((activity) => assertComplete(sales, activity)));
  return found;
}

/** While a sale is lost or rebuilt, what was accepted may be on its way back: nobody is told that it does not exist. */
async function assertComplete(sales: LiveSales, { id, epoch }: Activity): Promise<void> {
  const live = await sales.read(id);
  if (live?.epoch !== epoch || live.isRebuilding)
    throw errors.unavailable({
      meta: { activityId: id, why: 'the live sale is being rebuilt' },
      retryAfterSeconds: 1,
    });
}

/** Newest first. */
export async function findOwnReservations(
  { db, activities, sales }: FindReservations,
  activityId: string,
  userId: string,
): Promise<Reservation[]> {
  const activity = await activities.find(activityId);
  if (activity?.warmedAt && !activity.drainedAt) await assertComplete(sales, activity);
  const written = await reservationLedger.findOfBuyer(db, activityId, userId);
  const known = new Set(written.map((reservation) => reservation.id));
  const waiting = (await sales.reservationsOf(activityId, userId)).filter(
    (reservation) => !known.has(reservation.id),
  );
  return [...waiting.reverse(), ...written];
}
