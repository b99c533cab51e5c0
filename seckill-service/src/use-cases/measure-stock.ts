import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import { whileLocked, type ActivityRepository } from '../data/activity-repository';
import { ledgerCount, type LedgerCount } from '../data/ledger-count';
import { pendingReturns, type PendingReturn } from '../data/pending-returns';
import type { SaleRebuild } from '../data/sale-rebuild';
import type { SaleUpkeep } from '../data/sale-upkeep';
import type { Activity } from '../domain/activity';
import { byHome, salesOf } from '../domain/bucket';
import { unitsOf, type AcceptedPurchase } from '../domain/reservation';
import { stockEquation, type StockEquation } from '../domain/stock-equation';

export interface MeasureStock {
  db: DataSource;
  activities: ActivityRepository;
  upkeep: SaleUpkeep;
  rebuild: SaleRebuild;
}

export interface Measurement {
  activity: Activity;
  /** Undefined when Redis knows none. */
  redisEpoch: number | undefined;
  /** Undefined when Redis has nothing of the current epoch that could be counted. */
  equation: StockEquation | undefined;
  /** Only when its rows were counted, too. */
  ledger: LedgerCount | undefined;
  at: Date;
}

/**
 * The stock equation of a sale that goes on. While the activity's row is locked, nobody changes what the ledger holds; what Redis holds is read at one
 * moment of that time, and whatever leaves the stream afterwards is in the ledger already. So a running sale never shows a difference that is not
 * there. Buyers do not notice; the relay waits for as long as it takes to read what is in the stream, and, where the rows of the ledger are to be
 * counted, for that.
 */
export function measureStock(
  { db, activities, upkeep, rebuild }: MeasureStock,
  activityId: string,
  { countRows }: { countRows: boolean },
): Promise<Measurement> {
  const measure = async (tx: EntityManager): Promise<Measurement> => {
    const activity = await activities.lock(tx, activityId);
    const returns = await pendingReturns.findOf(tx, activityId);
    const snapshot = await readLiveSales({ upkeep, rebuild }, activity, returns);
    const { redisEpoch, free, returning, waiting } = snapshot;
    const ledger = countRows ? await ledgerCount.count(tx, activityId) : undefined;
    const measured = { activity, redisEpoch, ledger, at: new Date() };
    if (redisEpoch !== activity.epoch || free === undefined) return { ...measured, equation: undefined };

    for (const id of await ledgerCount.findKnown(tx, [...waiting.keys()])) waiting.delete(id);
    const rows = ledger ? ledger.queued + ledger.ordered : 0;
    const count = {
      total: activity.total,
      free,
      inStream: unitsOf(waiting.values()),
      // As a rebuild counts them.
      held: Math.max(activity.sold, rows),
      returning,
    };
    return { ...measured, equation: stockEquation(count) };
  };
  return inTransaction(db, measure, whileLocked);
}

interface LiveCount {
  redisEpoch: number | undefined;
  /** Those on their way between buckets included. */
  free: number | undefined;
  returning: number;
  /** What was in the streams, by reservation. */
  waiting: Map<string, AcceptedPurchase>;
}

/**
 * Each live sale of the activity at one moment of its own. The sum is exact nevertheless: between these moments units only move from one to another,
 * and each bucket counts what it sent and got.
 */
async function readLiveSales(
  { upkeep, rebuild }: Pick<MeasureStock, 'upkeep' | 'rebuild'>,
  activity: Activity,
  returns: PendingReturn[],
): Promise<LiveCount> {
  const returnsOf = byHome(activity, returns, ({ userId }) => userId);
  const snapshots = await Promise.all(
    salesOf(activity).map(async (sale) => {
      const snapshot = await upkeep.snapshot(sale, returnsOf.get(sale) ?? []);
      const { lastEntryId } = snapshot;
      const isCurrent = snapshot.epoch === activity.epoch && lastEntryId !== undefined;
      return { ...snapshot, inStream: isCurrent ? await rebuild.readStream(sale, lastEntryId) : [] };
    }),
  );
  const other = snapshots.find(({ epoch }) => epoch !== activity.epoch);
  const count: LiveCount = {
    redisEpoch: other ? other.epoch : activity.epoch,
    free: 0,
    returning: 0,
    waiting: new Map(),
  };
  for (const { stock, moved, returning, inStream } of snapshots) {
    count.free = stock === undefined || count.free === undefined ? undefined : count.free + stock + moved;
    count.returning += returning;
    for (const purchase of inStream) count.waiting.set(purchase.reservationId, purchase);
  }
  return count;
}
