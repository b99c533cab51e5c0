import type { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Products } from '../clients/products';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import { reservationLedger } from '../data/reservation-ledger';
import type { Activity, LiveSale } from '../domain/activity';
import type { Reservation } from '../domain/reservation';
import { errors } from '../errors';

export interface WarmUp {
  db: DataSource;
  activities: ActivityRepository;
  products: Products;
  sales: LiveSales;
  logger: Logger;
  onWarmedUp: () => Promise<void>;
}

/**
 * Reserves the activity's units at product-service and opens the live sale in Redis. Idempotent: a live sale stays as it is. Where Redis
 * lost it, it is rebuilt from the ledger under a new epoch: free units are the total less all that is queued or ordered, and it is as open,
 * paused or closed as operators have made it.
 */
export async function warmUp(
  deps: WarmUp,
  activityId: string,
): Promise<{ activity: Activity; live: LiveSale }> {
  const found = await deps.activities.find(activityId);
  if (!found) throw errors.activityNotFound();
  if (found.endsAt <= new Date()) throw errors.ended();
  const known = await deps.sales.read(activityId);
  if (known && found.warmedAt) return { activity: found, live: known };

  // From then on they are reserved, and operations change how many.
  if (!found.warmedAt) await deps.products.reserveForActivity(found);
  const activity = await open(deps, found);
  await deps.onWarmedUp();
  const live = await deps.sales.read(activityId);
  if (!live)
    throw errors.unavailable({
      meta: { why: 'Redis lost the sale while it was warmed up' },
      retryAfterSeconds: 1,
    });
  return { activity, live };
}

/**
 * The activity's row is locked meanwhile: a cancellation waits and finds the sale open, a second warm-up waits and finds nothing to do, and a
 * plan that was changed since it was read is not opened with units that were never reserved.
 */
function open({ db, activities, sales, logger }: WarmUp, found: Activity): Promise<Activity> {
  return inTransaction(db, async (tx) => {
    const current = await activities.lock(tx, found.id);
    if (!current.warmedAt && current.version !== found.version)
      throw errors.versionChanged({ meta: { activityId: found.id } });
    if (current.warmedAt && (await sales.read(found.id))) return current;
    const activity = await activities.startEpoch(tx, found.id);
    const reservations = await findAllLive(tx, found.id);
    await sales.restoreBuyers(found.id, reservations);
    const held = reservations.reduce((sum, reservation) => sum + reservation.quantity, 0);
    const opened = await sales.open(activity, activity.total - held);
    const { id: activityId, epoch, total } = activity;
    logger.info('activity warmed up', { activityId, epoch, total, held, opened });
    return activity;
  });
}

async function findAllLive(tx: EntityManager, activityId: string): Promise<Reservation[]> {
  const all: Reservation[] = [];
  for (;;) {
    const page = await reservationLedger.findLive(tx, activityId, all.at(-1)?.id ?? '0');
    if (page.length === 0) return all;
    all.push(...page);
  }
}
