import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import type { ActivityRepository } from '../data/activity-repository';
import { isLive, ledgerCount, type LedgerEntry } from '../data/ledger-count';
import type { LiveSales } from '../data/live-sale';
import { pendingReturns } from '../data/pending-returns';
import type { SaleUpkeep } from '../data/sale-upkeep';
import type { BuyerRecord } from '../data/buyer-records';
import type { Activity } from '../domain/activity';
import { byHome } from '../domain/bucket';
import { noteRepair } from './note-repair';
import { reservedEvent } from './record-purchases';

export interface RepairRecords {
  db: DataSource;
  activities: Pick<ActivityRepository, 'find'>;
  sales: LiveSales;
  upkeep: SaleUpkeep;
  outbox: Outbox;
  logger: Logger;
  metrics: Metrics;
}

const returnsAtOnce = 500;
/** A younger release is on its way with the process that wrote it. */
const lateAfterMs = 5_000;

const isLate = (at: Date): boolean => Date.now() - at.getTime() > lateAfterMs;

/** Carries on releases whose process died before it told Redis, and forgets those that Redis has. What it cannot be told now has to wait. */
export async function settleReturns(deps: RepairRecords): Promise<void> {
  for (;;) {
    const returns = await pendingReturns.findAny(deps.db, returnsAtOnce);
    const answers = await Promise.allSettled(
      returns.map(({ activityId, userId, reservationId: id }) =>
        deps.sales.release({ id, activityId, userId }, { restock: true }),
      ),
    );
    const told = returns.flatMap((pending, index) => {
      const answer = answers[index];
      return answer?.status === 'fulfilled' ? { ...pending, isReleased: answer.value } : [];
    });
    const late = told.filter(({ isReleased, releasedAt }) => isReleased && isLate(releasedAt));
    await pendingReturns.remove(deps.db, told);
    for (const [activityId, own] of Map.groupBy(late, (pending) => pending.activityId)) {
      const activity = await deps.activities.find(activityId);
      const repair = { kind: 'released', amount: own.length, reason: 'its process died' } as const;
      if (activity) await noteRepair(deps, activity, repair);
    }
    const waiting = returns.length - told.length;
    if (waiting > 0) deps.logger.warn('redis was not told of releases, they come back', { waiting });
    if (told.length < returnsAtOnce) return;
  }
}

/**
 * Compares the ledger's reservations of the next buyers with what Redis remembers of these. Returns the buyer it came to; undefined at the end.
 * One page is a thousand rows in MySQL, and one command a live sale in Redis.
 */
export async function repairRecords(
  deps: RepairRecords,
  activity: Activity,
  afterUserId: string,
): Promise<string | undefined> {
  const page = await ledgerCount.pageByBuyer(deps.db.manager, activity.id, afterUserId);
  const buyers = [...new Set(page.map(({ userId }) => userId))];
  const records = await recordsOf(deps, activity, buyers);
  const recordOf = ({ userId, reservationId }: LedgerEntry) =>
    records.get(userId)?.find((record) => record.reservationId === reservationId);
  const orphaned = page.filter(
    (entry) => !isLive(entry) && recordOf(entry)?.holdsUnits && isLate(entry.updatedAt),
  );
  const missing = page.filter((entry) => isLive(entry) && !recordOf(entry));
  await releaseOrphans(deps, activity, orphaned);
  await rememberMissing(deps, activity, missing);
  return page.at(-1)?.userId;
}

async function recordsOf(
  { upkeep }: RepairRecords,
  activity: Activity,
  userIds: string[],
): Promise<Map<string, BuyerRecord[]>> {
  const homes = [...byHome(activity, userIds, (userId) => userId)];
  const found = await Promise.all(homes.map(([sale, own]) => upkeep.recordsOf(sale, own)));
  return new Map(found.flatMap((records) => [...records]));
}

async function releaseOrphans(
  deps: RepairRecords,
  activity: Activity,
  orphaned: LedgerEntry[],
): Promise<void> {
  let amount = 0;
  for (const { reservationId, userId, status } of orphaned) {
    const orphan = { id: reservationId, activityId: activity.id, userId };
    // What MySQL rejected was sold beyond the total: its units were never there.
    if (await deps.sales.release(orphan, { restock: status === 'RELEASED' })) amount += 1;
  }
  await noteRepair(deps, activity, { kind: 'released', amount, reason: 'over in the ledger' });
}

/** The rows stay locked meanwhile, so that none of them is released in the ledger between the look and the repair. */
async function rememberMissing(
  deps: RepairRecords,
  activity: Activity,
  missing: LedgerEntry[],
): Promise<void> {
  if (missing.length === 0) return;
  const ids = missing.map(({ reservationId }) => reservationId);
  const amount = await inTransaction(deps.db, async (tx) => {
    const live = await ledgerCount.lockLive(tx, ids);
    let remembered = 0;
    for (const [sale, own] of byHome(activity, live, ({ userId }) => userId))
      remembered += await deps.upkeep.remember({ sale, epoch: activity.epoch }, own);
    return remembered;
  });
  await noteRepair(deps, activity, { kind: 'remembered', amount, reason: 'live in the ledger' });
}

const republishedAtOnce = 500;

/**
 * Announces again what has had no order for too long; consumers recognise the reservation. Returns the last one it came to; undefined at the end.
 * Through the outbox, since an api process has no connection to Kafka.
 */
export async function republish(
  deps: RepairRecords,
  activity: Activity,
  { before, afterId }: { before: Date; afterId: string },
): Promise<string | undefined> {
  const queued = await ledgerCount.findQueued(deps.db, activity.id, {
    before,
    afterId,
    limit: republishedAtOnce,
  });
  if (queued.length === 0) return undefined;
  await inTransaction(deps.db, (tx) =>
    deps.outbox.add(
      tx,
      queued.map((purchase) => reservedEvent(activity, purchase)),
    ),
  );
  deps.outbox.wake();
  await noteRepair(deps, activity, { kind: 'republished', amount: queued.length, reason: 'no order' });
  return queued.length < republishedAtOnce ? undefined : queued.at(-1)?.reservationId;
}
