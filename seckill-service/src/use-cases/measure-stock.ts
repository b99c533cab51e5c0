import type { DataSource } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import type { ActivityRepository } from '../data/activity-repository';
import { ledgerCount, type LedgerCount } from '../data/ledger-count';
import { pendingReturns } from '../data/pending-returns';
import type { SaleRebuild } from '../data/sale-rebuild';
import type { SaleUpkeep } from '../data/sale-upkeep';
import type { Activity } from '../domain/activity';
import { unitsOf } from '../domain/reservation';
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
  return inTransaction(db, async (tx) => {
    const activity = await activities.lock(tx, activityId);
    const snapshot = await upkeep.snapshot(activityId, await pendingReturns.findOf(tx, activityId));
    const { epoch: redisEpoch, stock: free, lastEntryId, returning } = snapshot;
    const ledger = countRows ? await ledgerCount.count(tx, activityId) : undefined;
    const measured = { activity, redisEpoch, ledger, at: new Date() };
    if (redisEpoch !== activity.epoch || free === undefined) return { ...measured, equation: undefined };

    const inStream = lastEntryId ? await rebuild.readStream(activityId, lastEntryId) : [];
    const waiting = new Map(inStream.map((purchase) => [purchase.reservationId, purchase]));
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
  });
}
