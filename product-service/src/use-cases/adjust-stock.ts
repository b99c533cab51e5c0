import { inTransaction } from '@onrush/chassis/mysql';
import { stockRepository } from '../data/stock-repository';
import type { Product } from '../domain/product';
import { errors } from '../errors';
import { changed } from './create-product';
import type { UpdateProduct } from './update-product';

/** Adds to or takes from the free stock, with the reason in the stock ledger. */
export async function adjustStock(
  { db, products, outbox, cache }: UpdateProduct,
  { productId, delta, reason, by }: { productId: string; delta: number; reason: string; by: string },
): Promise<Product> {
  const isDone = await inTransaction(db, async (tx) => {
    if (!(await stockRepository.adjust(tx, productId, delta))) return false;
    await stockRepository.record(tx, { productId, delta, reason, reference: by });
    const version = await stockRepository.versionOf(tx, productId);
    await outbox.add(tx, [changed({ id: productId, version, updatedAt: new Date() })]);
    return true;
  });
  const product = await products.find(productId);
  if (!product) throw errors.productNotFound();
  if (!isDone) throw errors.stockShort({ meta: { productId, delta } });
  outbox.wake();
  await cache.forget(productId);
  return product;
}
