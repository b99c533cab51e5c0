import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import type { Products } from '../clients/products';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import { reservationLedger } from '../data/reservation-ledger';
import type { Activity, LiveSale } from '../domain/activity';
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
 * lost it, it is rebuilt from the ledger under a new epoch: free units are the total less all that is queued or ordered.
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

  await deps.products.reserveForActivity(found);
  const activity = await deps.activities.startEpoch(activityId);
  const held = await restoreBuyers(deps, activityId);
  const opened = await deps.sales.open(activity, activity.total - held);
  await deps.onWarmedUp();
  deps.logger.info('activity warmed up', {
    activityId,
    epoch: activity.epoch,
    total: activity.total,
    held,
    opened,
  });
  const live = await deps.sales.read(activityId);
  if (!live)
    throw errors.unavailable({
      meta: { why: 'Redis lost the sale while it was warmed up' },
      retryAfterSeconds: 1,
    });
  return { activity, live };
}

/** Units that live reservations hold; their buyers are known to Redis again before the sale opens. */
async function restoreBuyers({ db, sales }: WarmUp, activityId: string): Promise<number> {
  let held = 0;
  let last = '0';
  for (;;) {
    const page = await reservationLedger.findLive(db, activityId, last);
    if (page.length === 0) return held;
    await sales.restoreBuyers(activityId, page);
    held += page.reduce((sum, reservation) => sum + reservation.quantity, 0);
    last = page.at(-1)?.id ?? last;
  }
}
