import type { StreamEntry } from '@onrush/chassis/stream-relay';
import type { AcceptedPurchase, KeptPurchase } from '../domain/reservation';

/**
 * An entry holds one batch: `epoch`, then reservation id → "user:order_no:quantity:key", and ":traceparent" behind it where the purchase is traced
 * (buy-3.lua). Its id starts with Redis' clock. Entries that were written before the key came into them end with the quantity.
 */
export function purchasesOf({ id, fields }: StreamEntry): AcceptedPurchase[] {
  const reservedAt = new Date(Number(id.split('-')[0]));
  const epoch = Number(fields['epoch']);
  return Object.entries(fields)
    .filter(([name]) => name !== 'epoch')
    .map(([reservationId, text]) => {
      const [userId = '', orderNo = '', quantity = '', key = '', traceparent] = text.split(':');
      const purchase = { reservationId, userId, orderNo, quantity: Number(quantity), key, epoch, reservedAt };
      return traceparent ? { ...purchase, traceparent } : purchase;
    });
}

/** How many purchases it holds. */
export const sizeOf = ({ fields }: StreamEntry): number =>
  Object.keys(fields).length - ('epoch' in fields ? 1 : 0);

/** Names and values of such an entry. */
export const fieldsOf = (epoch: number, purchases: KeptPurchase[]): string[] => [
  'epoch',
  String(epoch),
  ...purchases.flatMap(({ reservationId, userId, orderNo, quantity, key, traceparent }) => [
    reservationId,
    `${userId}:${orderNo}:${quantity}:${key}${traceparent ? `:${traceparent}` : ''}`,
  ]),
];

/** Ids are `<ms>-<sequence>`. */
export function isBefore(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms < otherMs || (ms === otherMs && sequence < otherSequence);
}
