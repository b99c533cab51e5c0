import type { DataSource } from 'typeorm';
import type { SharedReads } from '@onrush/chassis/shared-reads';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import { reservationLedger } from '../data/reservation-ledger';
import type { Activity } from '../domain/activity';
import type { Reservation } from '../domain/reservation';
import { errors } from '../errors';

export interface FindReservations {
  db: DataSource;
  activities: ActivityRepository;
  /** The activities whose purchases may still wait in Redis, as they were a moment ago. */
  undrained: SharedReads<Activity[]>;
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

const all = 'all';

/** Those who won ask again and again until their order is there. Only for a number that no known sale has, the list is read anew. */
async function findInLiveSales(
  deps: FindReservations,
  id: string,
  userId: string,
): Promise<Reservation | undefined> {
  const { undrained } = deps;
  const known = await undrained.get(all);
  const found = await findAmong(deps, known, { id, userId });
  if (found) return found;
  undrained.forget(all);
  const searched = new Set(known.map((activity) => activity.id));
  const current = await undrained.get(all);
  const others = current.filter((activity) => !searched.has(activity.id));
  const late = await findAmong(deps, others, { id, userId });
  if (!late) await Promise.all(current.map((activity) => assertComplete(deps.sales, activity)));
  return late;
}

async function findAmong(
  { sales }: FindReservations,
  activities: Activity[],
  { id, userId }: Pick<Reservation, 'id' | 'userId'>,
): Promise<Reservation | undefined> {
  const own = await Promise.all(activities.map((activity) => sales.reservationsOf(activity.id, userId)));
  return own.flat().find((reservation) => reservation.id === id);
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
  { db, activities, sales }: Pick<FindReservations, 'db' | 'activities' | 'sales'>,
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
