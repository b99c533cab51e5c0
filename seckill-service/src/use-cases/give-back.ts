import type { DataSource } from 'typeorm';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { seckillReleased } from '@onrush/proto';
import type { LiveSales } from '../data/live-sale';
import { pendingReturns } from '../data/pending-returns';
import { reservationLedger } from '../data/reservation-ledger';
import type { ResultNews } from '../data/result-news';
import { saleRecordLog } from '../data/sale-record-log';
import type { Reservation } from '../domain/reservation';

export interface GiveBack {
  db: DataSource;
  sales: LiveSales;
  outbox: Outbox;
  results: ResultNews;
}

/**
 * The order ended unpaid: its units and the buyer's right come back, once. The ledger decides first; Redis follows, also on a second
 * delivery, because the first may have died in between, and its script gives back only what it still holds.
 */
export async function giveBack(
  { db, sales, outbox, results }: GiveBack,
  reservationId: string,
  reason: string,
): Promise<void> {
  const released = await inTransaction(db, async (tx) => {
    const reservation = await reservationLedger.release(tx, reservationId, reason);
    if (reservation) {
      await pendingReturns.add(tx, reservation);
      await outbox.add(tx, [releasedEvent(reservation, reason)]);
      const payload = { reservation: reservation.id, units: reservation.quantity, reason };
      await saleRecordLog.append(tx, reservation.activityId, { kind: 'RELEASED', payload });
    }
    return reservation;
  });
  if (released) outbox.wake();
  const reservation = released ?? (await reservationLedger.find(db, reservationId));
  if (reservation?.status !== 'RELEASED') return;
  await sales.release(reservation, { restock: true });
  // Not before: whoever hears of it may buy again.
  const { id, activityId, status, reason: given, updatedAt: at } = reservation;
  results.tell(activityId, { status, reason: given, at, ids: [id] });
}

const releasedEvent = (reservation: Reservation, reason: string) =>
  newEvent(seckillReleased, reservation.id, {
    reservation_id: reservation.id,
    activity_id: reservation.activityId,
    user_id: reservation.userId,
    order_no: reservation.orderNo,
    quantity: reservation.quantity,
    reason,
    at: reservation.updatedAt.toISOString(),
  });
