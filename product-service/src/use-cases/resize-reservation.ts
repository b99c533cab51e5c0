import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import { stockRepository } from '../data/stock-repository';
import { errors } from '../errors';

export interface WantedReservation {
  orderId: string;
  productId: string;
  /** All units that the order holds from then on. */
  quantity: number;
  revision: number;
}

/**
 * Sets what an order holds of a product. A revision counts once: an older one changes nothing, and the last one again gets the answer that it
 * had, also where units have become free since it was refused. False says that nothing had to change.
 */
export async function resizeReservation(
  { db }: { db: DataSource },
  wanted: WantedReservation,
): Promise<boolean> {
  const result = await inTransaction(db, (tx) => resizeOnce(tx, wanted));
  // Thrown after the commit, which keeps that this revision was refused.
  if (result === 'short') throw errors.stockShort({ meta: { ...wanted } });
  return result === 'changed';
}

async function resizeOnce(
  tx: EntityManager,
  { orderId, productId, quantity, revision }: WantedReservation,
): Promise<'changed' | 'unchanged' | 'short'> {
  const lines = await stockRepository.lockReservation(tx, orderId);
  const held = lines.find((line) => line.productId === productId);
  if (!held) throw errors.reservationNotFound({ meta: { orderId, productId } });
  if (held.status !== 'RESERVED') throw errors.reservationEnded({ meta: { orderId, status: held.status } });
  if (revision < held.revision) return 'unchanged';
  if (revision === held.revision) return quantity === held.quantity ? 'unchanged' : 'short';

  const more = quantity - held.quantity;
  const isMoved = await move(tx, productId, more);
  await stockRepository.resizeReservation(tx, orderId, {
    productId,
    quantity: isMoved ? quantity : held.quantity,
    revision,
  });
  if (!isMoved) return 'short';
  if (more === 0) return 'unchanged';
  const reason = more > 0 ? 'reserved' : 'released';
  await stockRepository.record(tx, { productId, delta: -more, reason, reference: orderId });
  return 'changed';
}

/** Between free and reserved; false when fewer are free, or the product is not on sale. */
async function move(tx: EntityManager, productId: string, more: number): Promise<boolean> {
  if (more === 0) return true;
  if (more > 0) return stockRepository.reserve(tx, { productId, quantity: more });
  if (await stockRepository.release(tx, { productId, quantity: -more })) return true;
  throw new Error(`stock of product ${productId} does not hold what its reservations say`);
}
