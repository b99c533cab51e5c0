import type { KeptPurchase } from '../domain/reservation';

/** What a buyer holds or has held, as the buyers hash has it; the form is written at the top of buy-3.lua. */
export interface BuyerRecord extends Omit<KeptPurchase, 'userId'> {
  /** False: it gave its units back. */
  holdsUnits: boolean;
}

/** A longer history costs every purchase of this buyer time; the script keeps as many. */
const keptRecords = 16;

/** Oldest first. */
export const recordsFrom = (text: string | null): BuyerRecord[] =>
  (text ?? '')
    .split(',')
    .filter(Boolean)
    .map((record) => {
      const [reservationId = '', orderNo = '', quantity = '0', key = '', mark] = record.split(':');
      return { reservationId, orderNo, quantity: Number(quantity), key, holdsUnits: mark === 'L' };
    });

/** All that hold units, and as many of the newest others as there is room for. */
export function textOf(records: BuyerRecord[]): string {
  let tooMany = records.length - keptRecords;
  const kept = records.filter(({ holdsUnits }) => holdsUnits || (tooMany -= 1) < 0);
  return kept
    .map(
      ({ reservationId, orderNo, quantity, key, holdsUnits }) =>
        `${reservationId}:${orderNo}:${quantity}:${key}:${holdsUnits ? 'L' : 'R'}`,
    )
    .join(',');
}
