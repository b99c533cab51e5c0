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
  await inTransaction(db, async (tx) => {
    if (!(await stockRepository.adjust(tx, productId, delta))) {
      throw (await products.find(productId))
        ? errors.stockShort({ meta: { productId, delta } })
        : errors.productNotFound();
    }
    await stockRepository.record(tx, { productId, delta, reason, reference: by });
    await outbox.add(tx, [changed({ id: productId, version: 0, updatedAt: new Date() })]);
  });
  outbox.wake();
  await cache.forget(productId);
  const product = await products.find(productId);
  if (!product) throw errors.productNotFound();
  return product;
}
