import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent, type MessageBroker, type NewEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { seckillRejected, seckillReserved } from '@onrush/proto';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import { reservationLedger } from '../data/reservation-ledger';
import type { ResultNews } from '../data/result-news';
import type { Activity } from '../domain/activity';
import type { AcceptedPurchase, Reservation } from '../domain/reservation';

export interface RecordPurchases {
  db: DataSource;
  activities: ActivityRepository;
  sales: LiveSales;
  broker: MessageBroker;
  outbox: Outbox;
  results: ResultNews;
  logger: Logger;
}

/**
 * What Redis accepted goes into the ledger, then to Kafka. Safe to run again for the same purchases after a crash anywhere in it: rows are
 * written once, units are counted with the rows, and an event sent twice finds its order already there.
 */
export async function recordPurchases(
  deps: RecordPurchases,
  activityId: string,
  purchases: AcceptedPurchase[],
): Promise<void> {
  const activity = await deps.activities.find(activityId);
  if (!activity) throw new Error(`purchases of activity ${activityId}, which the ledger does not know`);
  const written = await writeAll(deps, activityId, purchases);
  if (!written) await writeOneByOne(deps, activityId, purchases);

  const ledger = await reservationLedger.findMany(
    deps.db,
    purchases.map((purchase) => purchase.reservationId),
  );
  const reservedAt = new Map(purchases.map((purchase) => [purchase.reservationId, purchase.reservedAt]));
  await deps.broker.publish(
    ledger.flatMap((reservation) =>
      eventOf(reservation, activity, reservedAt.get(reservation.id) ?? reservation.updatedAt),
    ),
  );
  for (const reservation of ledger) {
    const { id, status, reason, updatedAt: at } = reservation;
    if (status !== 'REJECTED') continue;
    // The units were never there: only the buyer's right comes back.
    await deps.sales.release(reservation, { restock: false });
    deps.results.tell(activityId, { status, reason, at, ids: [id] });
  }
}

class WouldOversell extends Error {}

/** One transaction for all; false, and nothing written, when the activity has not that many units. */
async function writeAll(
  { db }: RecordPurchases,
  activityId: string,
  purchases: AcceptedPurchase[],
): Promise<boolean> {
  const batch = { activityId, batchId: randomUUID(), status: 'QUEUED', reason: null } as const;
  try {
    await inTransaction(db, async (tx) => {
      const units = await reservationLedger.insertNew(tx, batch, purchases);
      if (units > 0 && !(await reservationLedger.addSold(tx, activityId, units))) throw new WouldOversell();
    });
    return true;
  } catch (error) {
    if (error instanceof WouldOversell) return false;
    throw error;
  }
}

/** MySQL is the judge: what does not fit any more is rejected, first come first served. */
async function writeOneByOne(
  deps: RecordPurchases,
  activityId: string,
  purchases: AcceptedPurchase[],
): Promise<void> {
  for (const purchase of purchases) {
    if (await writeAll(deps, activityId, [purchase])) continue;
    deps.logger.error('the ledger refused a purchase that Redis accepted', {
      activityId,
      reservationId: purchase.reservationId,
    });
    const refused = { activityId, batchId: randomUUID(), status: 'REJECTED', reason: 'sold-out' } as const;
    await inTransaction(deps.db, async (tx) => {
      const units = await reservationLedger.insertNew(tx, refused, [purchase]);
      if (units > 0) await deps.outbox.add(tx, [rejected(activityId, purchase, refused.reason)]);
    });
    deps.outbox.wake();
  }
}

function eventOf(reservation: Reservation, activity: Activity, reservedAt: Date): NewEvent[] {
  switch (reservation.status) {
    case 'QUEUED':
    case 'ORDERED':
      return [reserved(reservation, activity, reservedAt)];
    case 'REJECTED':
    case 'RELEASED':
      return [];
  }
}

const reserved = (reservation: Reservation, activity: Activity, at: Date): NewEvent =>
  newEvent(seckillReserved, reservation.id, {
    reservation_id: reservation.id,
    activity_id: activity.id,
    user_id: reservation.userId,
    order_no: reservation.orderNo,
    product_id: activity.productId,
    product_name: activity.productName,
    price: activity.price,
    quantity: reservation.quantity,
    payment_timeout_seconds: activity.paymentTimeoutSeconds,
    reserved_at: at.toISOString(),
  });

const rejected = (activityId: string, purchase: AcceptedPurchase, reason: string): NewEvent =>
  newEvent(seckillRejected, purchase.reservationId, {
    reservation_id: purchase.reservationId,
    activity_id: activityId,
    user_id: purchase.userId,
    order_no: purchase.orderNo,
    quantity: purchase.quantity,
    reason,
    at: new Date().toISOString(),
  });
