import { isOfRehearsal } from '@onrush/proto';
import type { Products } from '../clients/products';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Activity, LiveSale } from '../domain/activity';
import { errors } from '../errors';
import { buildSale, rebuildSale, type RebuildSale } from './rebuild-sale';

export interface WarmUp extends RebuildSale {
  products: Products;
  /** Into how many buckets a live sale is split. */
  stockBuckets: number;
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
  await (found.epoch > 0 ? rebuildSale(deps, found, 'lost') : open(deps, found));
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
 * Warmed up first, then built: should this process die in between, the guard finds a sale that is not there. A plan that was changed since it was read
 * is not opened with units that were never reserved. A second warm-up waits, and finds nothing to do.
 */
async function open(deps: WarmUp, { id, version, epoch }: Activity): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const current = await deps.activities.lock(tx, id);
    if (current.warmedAt) return;
    if (current.version !== version) throw errors.versionChanged({ meta: { activityId: id } });
    await deps.activities.markWarmedUp(tx, current, deps.stockBuckets);
  });
  await buildSale(deps, { id, epoch }, { closedForMs: 0 });
}
