import type { DataSource } from 'typeorm';
import { reservationLedger } from '../data/reservation-ledger';

/** The orders of these reservations exist. A reservation that is over stays so. */
export async function markOrdered({ db }: { db: DataSource }, reservationIds: string[]): Promise<void> {
  if (reservationIds.length > 0) await reservationLedger.markOrdered(db, reservationIds);
}
