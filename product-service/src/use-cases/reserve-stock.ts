import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction, isDuplicateKey } from '@onrush/chassis/mysql';
import { stockRepository, type Reservation } from '../data/stock-repository';
import { mergeLines, type ReservationStatus, type StockLine } from '../domain/stock';
import { errors } from '../errors';

/** All lines or none. The same order again changes nothing, and false says so; with other lines, or after it was released, it is refused. */
export async function reserveStock(
  { db }: { db: DataSource },
  orderId: string,
  lines: StockLine[],
): Promise<boolean> {
  try {
    return await inTransaction(db, (tx) => reserveOnce(tx, orderId, mergeLines(lines)));
  } catch (error) {
    // Two deliveries of the same order at the same moment: the other one did it.
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

async function reserveOnce(tx: EntityManager, orderId: string, lines: StockLine[]): Promise<boolean> {
  const known = await stockRepository.lockReservation(tx, orderId);
  if (hasEnded(known)) throw errors.reservationEnded({ meta: { orderId } });
  if (known.length > 0) {
    if (!areSame(known, lines)) throw errors.reservationDiffers({ meta: { orderId, known, lines } });
    return false;
  }
  await stockRepository.insertReservation(tx, orderId, lines);
  // A release may have come first, between the look and the insert.
  if (hasEnded(await stockRepository.lockReservation(tx, orderId)))
    throw errors.reservationEnded({ meta: { orderId } });
  for (const line of lines) {
    if (!(await stockRepository.reserve(tx, line))) throw errors.stockShort({ meta: { orderId, ...line } });
    await stockRepository.record(tx, {
      productId: line.productId,
      delta: -line.quantity,
      reason: 'reserved',
      reference: orderId,
    });
  }
  return true;
}

const hasEnded = (lines: Reservation[]) => lines.some((line) => line.status === 'RELEASED');

const areSame = (known: StockLine[], lines: StockLine[]) =>
  known.length === lines.length &&
  lines.every(({ productId, quantity }) =>
    known.some((line) => line.productId === productId && line.quantity === quantity),
  );

/** The order is paid: what it holds is sold. */
export const confirmStock = ({ db }: { db: DataSource }, orderId: string): Promise<boolean> =>
  inTransaction(db, (tx) =>
    endReservation(tx, orderId, { to: 'CONFIRMED', move: (line) => stockRepository.confirm(tx, line) }),
  );

/** The order ended unpaid: what it holds is free again, and a reservation that comes after this, late, holds nothing. */
export const releaseStock = ({ db }: { db: DataSource }, orderId: string): Promise<boolean> =>
  inTransaction(db, async (tx) => {
    await stockRepository.forbidReservation(tx, orderId);
    return endReservation(tx, orderId, {
      to: 'RELEASED',
      move: async (line) => {
        await stockRepository.record(tx, {
          productId: line.productId,
          delta: line.quantity,
          reason: 'released',
          reference: orderId,
        });
        return stockRepository.release(tx, line);
      },
    });
  });

async function endReservation(
  tx: EntityManager,
  orderId: string,
  { to, move }: { to: ReservationStatus; move: (line: Reservation) => Promise<boolean> },
): Promise<boolean> {
  const lines = (await stockRepository.lockReservation(tx, orderId)).filter(
    (line) => line.status === 'RESERVED',
  );
  if (lines.length === 0) return false;
  for (const line of lines) {
    if (!(await move(line)))
      throw new Error(`stock of product ${line.productId} does not hold what order ${orderId} reserved`);
  }
  await stockRepository.markReservation(tx, orderId, to);
  return true;
}
