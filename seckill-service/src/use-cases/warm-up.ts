import { isOfRehearsal } from '@onrush/proto';
import type { Products } from '../clients/products';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Activity, LiveSale } from '../domain/activity';
import { errors } from '../errors';
import { openNextEpoch, rebuildSale, type RebuildSale } from './rebuild-sale';

export interface WarmUp extends RebuildSale {
  products: Products;
  onWarmedUp: () => Promise<void>;
}

/**
 * Reserves the activity's units at product-service and opens the live sale in Redis. Idempotent: a live sale stays as it is, and one that Redis
 * lost is rebuilt as the worker's guard does it.
 */
export async function warmUp(
  deps: WarmUp,
  activityId: string,
): Promise<{ activity: Activity; live: LiveSale }> {
  const found = await deps.activities.find(activityId);
  if (!found) throw errors.activityNotFound();
  if (found.endsAt <= new Date()) throw errors.ended();
  const known = await deps.sales.read(activityId);
  if (known && found.warmedAt && known.epoch === found.epoch) return { activity: found, live: known };

  // From then on they are reserved, and operations change how many.
  // A rehearsal sells nothing that is there.
  if (!found.warmedAt && !isOfRehearsal(activityId)) await deps.products.reserveForActivity(found);
  await (found.warmedAt ? rebuildSale(deps, found, 'lost') : open(deps, found));
  await deps.onWarmedUp();
  const [activity, live] = await Promise.all([deps.activities.find(activityId), deps.sales.read(activityId)]);
  if (!activity || !live)
    throw errors.unavailable({
      meta: { why: 'Redis lost the sale while it was warmed up' },
      retryAfterSeconds: 1,
    });
  return { activity, live };
}

/**
 * The activity's row is locked meanwhile: a second warm-up waits and finds nothing to do, and a plan that was changed since it was read is not
 * opened with units that were never reserved.
 */
function open(deps: WarmUp, found: Activity): Promise<void> {
  return inTransaction(deps.db, async (tx) => {
    const current = await deps.activities.lock(tx, found.id);
    if (current.version !== found.version) throw errors.versionChanged({ meta: { activityId: found.id } });
    if (current.warmedAt) return;
    const { activity, free } = await openNextEpoch(deps, tx, { activityId: found.id, closedForMs: 0 });
    deps.logger.info('activity warmed up', { activityId: found.id, epoch: activity.epoch, free });
  });
}
