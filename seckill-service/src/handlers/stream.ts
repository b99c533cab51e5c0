import type { StreamEntry } from '@onrush/chassis/stream-relay';
import type { AcceptedPurchase } from '../domain/reservation';

/** An entry holds one batch: `epoch`, then reservation id → "user:order_no:quantity" (buy-3.lua). Its id starts with Redis' clock. */
export function purchasesOf({ id, fields }: StreamEntry): AcceptedPurchase[] {
  const reservedAt = new Date(Number(id.split('-')[0]));
  return Object.entries(fields)
    .filter(([name]) => name !== 'epoch')
    .map(([reservationId, text]) => {
      const [userId = '', orderNo = '', quantity = ''] = text.split(':');
      return { reservationId, userId, orderNo, quantity: Number(quantity), reservedAt };
    });
}

/** The activity in the hash tag of a stream's key: `…{a:123}:stream`. */
export function activityOf(stream: string): string {
  const activityId = /\{a:(\d+)\}/.exec(stream)?.[1];
  if (!activityId) throw new Error(`not the stream of an activity: ${stream}`);
  return activityId;
}
