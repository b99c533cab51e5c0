import type { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { inTransaction } from '@onrush/chassis/mysql';
import { whileLocked, type ActivityRepository } from '../data/activity-repository';
import type { BuyerRecord } from '../data/buyer-records';
import { isLive, ledgerCount } from '../data/ledger-count';
import type { LiveSales } from '../data/live-sale';
import type { SaleRebuild } from '../data/sale-rebuild';
import type { Activity } from '../domain/activity';
import { salesOf, type Split } from '../domain/bucket';
import { unitsOf, type KeptPurchase } from '../domain/reservation';
import { errors } from '../errors';
import { noteRepair } from './note-repair';

export interface RebuildSale {
  db: DataSource;
  activities: ActivityRepository;
  sales: LiveSales;
  rebuild: SaleRebuild;
  logger: Logger;
  metrics: Metrics;
  /** How long a rebuilt sale stays closed, so that what only an api process knows can come in before anybody buys. */
  handOverMs: number;
}

/**
 * `lost`: Redis has nothing of this epoch. `went-back`: it has forgotten what it had told. `damaged`: its stock is no number, or below 0.
 * `forgot-buyers`: it knows of nobody who has bought. `difference`: the stock equation does not hold.
 */
export type RebuildReason = 'lost' | 'went-back' | 'damaged' | 'forgot-buyers' | 'difference';

/** Builds the live sale anew, and says so; false when somebody else has rebuilt it since the epoch that was seen. */
export async function rebuildSale(
  deps: RebuildSale,
  seen: Pick<Activity, 'id' | 'epoch'>,
  reason: RebuildReason,
): Promise<boolean> {
  const built = await buildSale(deps, seen, { closedForMs: deps.handOverMs });
  if (built) await noteRepair(deps, built, { kind: 'rebuilt', amount: 1, reason });
  return built !== undefined;
}

/**
 * Builds the live sale under the next epoch: free units are the total less all that the ledger holds and all that still waits in the stream. Does
 * nothing when somebody else has, since the epoch that was seen.
 */
export async function buildSale(
  deps: RebuildSale,
  seen: Pick<Activity, 'id' | 'epoch'>,
  options: { closedForMs: number },
): Promise<Activity | undefined> {
  const since = performance.now();
  const build = async (tx: EntityManager) => {
    const current = await deps.activities.lock(tx, seen.id);
    return current.epoch === seen.epoch ? openNextEpoch(deps, tx, { seen: current, ...options }) : undefined;
  };
  const built = await inTransaction(deps.db, build, whileLocked);
  if (!built) return undefined;
  const { activity, ...units } = built;
  const tookMs = Math.round(performance.now() - since);
  deps.logger.info('live sale built', { activityId: seen.id, epoch: activity.epoch, ...units, tookMs });
  return activity;
}

/**
 * The lock on the activity's row is held: nothing is written into the ledger meanwhile, and nothing is given back. The fence in Redis keeps out
 * everybody who does not ask for the lock.
 */
async function openNextEpoch(
  deps: RebuildSale,
  tx: EntityManager,
  { seen, closedForMs }: { seen: Split; closedForMs: number },
): Promise<{ activity: Activity; held: number; waiting: number; forgotten: number; free: number }> {
  const { activities, rebuild } = deps;
  const activity = await activities.startEpoch(tx, seen.id, await rebuild.epochOf(seen));
  if (!(await rebuild.fence(activity))) throw overtaken(activity);

  const waiting = await findWaiting(deps, tx, activity);
  const forgotten = await findForgotten(deps, tx, { activity, waiting });
  await rebuild.appendToStream(activity, forgotten);
  const unwritten = [...waiting.values(), ...forgotten];
  const rows = await restoreBuyers(deps, tx, { activity, unwritten });
  // Where they differ, the ledger's own guard goes by the counter, and its rows are what people hold.
  const held = Math.max(rows, activity.sold);
  const free = Math.max(0, activity.total - held - unitsOf(unwritten));

  if (!(await rebuild.open(activity, { stock: free, waiting: unwritten, closedForMs })))
    throw overtaken(activity);
  return {
    activity,
    held,
    waiting: unitsOf(waiting.values()),
    forgotten: unitsOf(forgotten),
    free,
  };
}

const overtaken = ({ id, epoch }: Activity) =>
  errors.unavailable({
    meta: { activityId: id, epoch, why: 'a later rebuild has begun' },
    retryAfterSeconds: 1,
  });

/** What waits in the stream and is not in the ledger, by reservation. */
async function findWaiting(
  { rebuild }: RebuildSale,
  tx: EntityManager,
  activity: Activity,
): Promise<Map<string, KeptPurchase>> {
  const inStreams = await Promise.all(salesOf(activity).map((sale) => rebuild.readStream(sale)));
  const waiting = new Map<string, KeptPurchase>();
  for (const purchase of inStreams.flat()) waiting.set(purchase.reservationId, purchase);
  for (const id of await ledgerCount.findKnown(tx, [...waiting.keys()])) waiting.delete(id);
  return waiting;
}

/** What buyers' records tell, and neither the stream nor the ledger knows: they were told yes, and their entry is gone. */
async function findForgotten(
  { rebuild }: RebuildSale,
  tx: EntityManager,
  { activity, waiting }: { activity: Activity; waiting: Map<string, KeptPurchase> },
): Promise<KeptPurchase[]> {
  const forgotten = new Map<string, KeptPurchase>();
  for await (const page of rebuild.scanBuyers(activity)) {
    const unseen = page.flatMap(([userId, records]) =>
      records
        .filter(({ holdsUnits, reservationId }) => holdsUnits && !waiting.has(reservationId))
        .map((record) => ({ ...record, userId })),
    );
    const known = await ledgerCount.findKnown(
      tx,
      unseen.map(({ reservationId }) => reservationId),
    );
    for (const purchase of unseen)
      if (!known.has(purchase.reservationId)) forgotten.set(purchase.reservationId, purchase);
  }
  return [...forgotten.values()];
}

/** Everybody's records for the next epoch: what the ledger has, and what is still on its way there. Returns the units that the ledger's rows hold. */
async function restoreBuyers(
  { rebuild }: RebuildSale,
  tx: EntityManager,
  { activity, unwritten }: { activity: Activity; unwritten: KeptPurchase[] },
): Promise<number> {
  const onTheWay = Map.groupBy(unwritten, ({ userId }) => userId);
  let held = 0;
  for (let page = await ledgerCount.pageByBuyer(tx, activity.id, '0'); page.length > 0;) {
    held += unitsOf(page.filter(isLive));
    const records = new Map<string, BuyerRecord[]>();
    for (const [userId, own] of Map.groupBy(page, (entry) => entry.userId)) {
      // What is over matters only for the Idempotency-Key it had.
      const kept = own.filter((entry) => isLive(entry) || entry.key !== '');
      const written = kept.map((entry) => ({ ...entry, holdsUnits: isLive(entry) }));
      records.set(userId, [...written, ...holding(onTheWay.get(userId) ?? [])]);
      onTheWay.delete(userId);
    }
    await rebuild.writeBuyers(activity, records);
    page = await ledgerCount.pageByBuyer(tx, activity.id, page.at(-1)?.userId ?? '0');
  }
  await rebuild.writeBuyers(activity, new Map([...onTheWay].map(([userId, own]) => [userId, holding(own)])));
  return held;
}

const holding = (purchases: KeptPurchase[]): BuyerRecord[] =>
  purchases.map((purchase) => ({ ...purchase, holdsUnits: true }));
