import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent, type MessageBroker, type NewEvent } from '@onrush/chassis/message-broker';
import type { Metrics } from '@onrush/chassis/metrics';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { seckillRejected, seckillReserved } from '@onrush/proto';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import { OtherEpoch, reservationLedger } from '../data/reservation-ledger';
import type { ResultNews } from '../data/result-news';
import { saleRecordLog } from '../data/sale-record-log';
import type { SaleUpkeep } from '../data/sale-upkeep';
import type { Activity } from '../domain/activity';
import { byHome } from '../domain/bucket';
import type { AcceptedPurchase, KeptPurchase, Reservation } from '../domain/reservation';
import { soldBatch, type WrittenPurchase } from '../domain/sale-record';

export interface RecordPurchases {
  db: DataSource;
  activities: ActivityRepository;
  sales: LiveSales;
  upkeep: Pick<SaleUpkeep, 'adopt'>;
  broker: MessageBroker;
  outbox: Outbox;
  results: ResultNews;
  logger: Logger;
  metrics: Metrics;
}

/** What one run of a script takes without keeping buyers waiting. */
const adoptedAtOnce = 500;

/**
 * What Redis accepted goes into the ledger, then to Kafka. Safe to run again for the same purchases after a crash anywhere in it: rows are
 * written once, units are counted with the rows, and an event sent twice finds its order already there.
 */
export async function recordPurchases(
  deps: RecordPurchases,
  activityId: string,
  purchases: AcceptedPurchase[],
): Promise<void> {
  const { activity, written } = await write(deps, activityId, purchases);
  const known = await findOthers(deps, purchases, written);
  const accepted = new Map(purchases.map((purchase) => [purchase.reservationId, purchase]));
  await deps.broker.publish([
    ...written.map((purchase) => reservedEvent(activity, purchase)),
    ...known.flatMap((reservation) => eventOf(reservation, activity, accepted.get(reservation.id))),
  ]);
  for (const reservation of known) {
    const { id, status, reason, updatedAt: at } = reservation;
    // The units were never there: only the buyer's right comes back.
    if (status === 'REJECTED') {
      await deps.sales.release(reservation, { restock: false });
      deps.results.tell(activityId, { status, reason, at, ids: [id] });
    }
    // It was given back before this epoch took it in.
    if (status === 'RELEASED') await deps.sales.release(reservation, { restock: true });
  }
}

/** What the ledger says of those that were not written just now: they were there before, or were refused. */
async function findOthers(
  { db }: RecordPurchases,
  purchases: AcceptedPurchase[],
  written: WrittenPurchase[],
): Promise<Reservation[]> {
  if (written.length === purchases.length) return [];
  const isWritten = new Set(written.map((purchase) => purchase.reservationId));
  const others = purchases.filter(({ reservationId }) => !isWritten.has(reservationId));
  return reservationLedger.findMany(
    db,
    others.map((purchase) => purchase.reservationId),
  );
}

/** Into the ledger, under the epoch that is the current one when it is committed. */
async function write(
  deps: RecordPurchases,
  activityId: string,
  purchases: AcceptedPurchase[],
): Promise<{ activity: Activity; written: WrittenPurchase[] }> {
  for (;;) {
    const activity = await deps.activities.find(activityId);
    if (!activity) throw new Error(`purchases of activity ${activityId}, which the ledger does not know`);
    const taken = await takeIntoEpoch(deps, activity, purchases);
    try {
      const written = (await writeAll(deps, activity, taken)) ?? (await writeOneByOne(deps, activity, taken));
      return { activity, written };
    } catch (error) {
      if (!(error instanceof OtherEpoch)) throw error;
    }
  }
}

/**
 * The live sale may have been rebuilt after these were accepted, and before they were in the ledger: it knows those that were still in the stream
 * then, and the others it has to learn of. Where Redis has not got that epoch (yet), whoever rebuilds it will count them in the ledger.
 */
async function takeIntoEpoch(
  deps: RecordPurchases,
  activity: Activity,
  purchases: AcceptedPurchase[],
): Promise<AcceptedPurchase[]> {
  const late = purchases.filter(({ epoch }) => epoch !== activity.epoch);
  if (late.length === 0) return purchases;
  const beyond = new Set<string>();
  for (let from = 0; from < late.length; from += adoptedAtOnce) {
    const batch = late.slice(from, from + adoptedAtOnce);
    for (const [sale, own] of byHome(activity, batch, ({ userId }) => userId)) {
      const live = { sale, epoch: activity.epoch };
      const adoption = await deps.upkeep.adopt(live, own, { intoStream: false });
      for (const purchase of adoption?.overLimit ?? []) {
        beyond.add(purchase.reservationId);
        await reject(deps, activity.id, { purchase, reason: 'over-limit' });
      }
    }
  }
  return purchases.filter(({ reservationId }) => !beyond.has(reservationId));
}

class WouldOversell extends Error {}

/** Those that were not there yet, in one transaction for all, record and all; undefined, and nothing written, when the activity has not that many units. */
async function writeAll(
  { db }: RecordPurchases,
  activity: Activity,
  purchases: AcceptedPurchase[],
): Promise<WrittenPurchase[] | undefined> {
  const batch = {
    activityId: activity.id,
    batchId: randomUUID(),
    status: 'QUEUED',
    reason: null,
  } as const;
  try {
    return await inTransaction(db, async (tx) => {
      const written = await reservationLedger.insertNew(tx, batch, purchases);
      if (written.length === 0) return written;
      const sold = soldBatch(batch.batchId, written);
      if (!(await reservationLedger.addSold(tx, activity, sold.units))) throw new WouldOversell();
      await saleRecordLog.append(tx, activity.id, { kind: 'SOLD', payload: sold });
      return written;
    });
  } catch (error) {
    if (error instanceof WouldOversell) return undefined;
    throw error;
  }
}

/** MySQL is the judge: what does not fit any more is rejected, first come first served. */
async function writeOneByOne(
  deps: RecordPurchases,
  activity: Activity,
  purchases: AcceptedPurchase[],
): Promise<WrittenPurchase[]> {
  const all: WrittenPurchase[] = [];
  for (const purchase of purchases) {
    const written = await writeAll(deps, activity, [purchase]);
    if (written) all.push(...written);
    else await reject(deps, activity.id, { purchase, reason: 'sold-out' });
  }
  return all;
}

/** The end of a purchase that Redis accepted and that cannot be kept: its buyer can read it, and is told. Once, however often it is called. */
export async function reject(
  {
    db,
    activities,
    outbox,
    logger,
    metrics,
  }: Pick<RecordPurchases, 'db' | 'activities' | 'outbox' | 'logger' | 'metrics'>,
  activityId: string,
  { purchase, reason }: { purchase: KeptPurchase; reason: (typeof rejectionReasons)[number] },
): Promise<void> {
  const { reservationId } = purchase;
  logger.error('the ledger refused a purchase that Redis accepted', { activityId, reservationId, reason });
  const refused = { activityId, batchId: randomUUID(), status: 'REJECTED', reason } as const;
  const isNew = await inTransaction(db, async (tx) => {
    const written = await reservationLedger.insertNew(tx, refused, [purchase]);
    if (written.length === 0) return false;
    await outbox.add(tx, [rejected(activityId, purchase, reason)]);
    await activities.lock(tx, activityId);
    const payload = { ...soldBatch(refused.batchId, written), reason };
    await saleRecordLog.append(tx, activityId, { kind: 'REJECTED', payload });
    return true;
  });
  if (isNew) rejectionsOf(metrics).inc({ reason });
  outbox.wake();
}

export const rejectionReasons = ['sold-out', 'over-limit'] as const;

export const rejectionsOf = (metrics: Metrics) =>
  metrics.counter('seckill_rejections_total', 'Purchases that Redis accepted and the ledger refused', [
    'reason',
  ]);

function eventOf(reservation: Reservation, activity: Activity, accepted?: AcceptedPurchase): NewEvent[] {
  const { id: reservationId, updatedAt } = reservation;
  switch (reservation.status) {
    case 'QUEUED':
    case 'ORDERED':
      return [reservedEvent(activity, { reservedAt: updatedAt, ...accepted, ...reservation, reservationId })];
    case 'REJECTED':
    case 'RELEASED':
      return [];
  }
}

export const reservedEvent = (
  activity: Activity,
  purchase: Omit<KeptPurchase, 'key'> & { reservedAt: Date },
): NewEvent =>
  newEvent(
    seckillReserved,
    purchase.reservationId,
    {
      reservation_id: purchase.reservationId,
      activity_id: activity.id,
      user_id: purchase.userId,
      order_no: purchase.orderNo,
      product_id: activity.productId,
      product_name: activity.productName,
      price: activity.price,
      quantity: purchase.quantity,
      payment_timeout_seconds: activity.paymentTimeoutSeconds,
      reserved_at: purchase.reservedAt.toISOString(),
    },
    { traceparent: purchase.traceparent },
  );

const rejected = (activityId: string, purchase: KeptPurchase, reason: string): NewEvent =>
  newEvent(
    seckillRejected,
    purchase.reservationId,
    {
      reservation_id: purchase.reservationId,
      activity_id: activityId,
      user_id: purchase.userId,
      order_no: purchase.orderNo,
      quantity: purchase.quantity,
      reason,
      at: new Date().toISOString(),
    },
    { traceparent: purchase.traceparent },
  );
