import { inTransaction } from '@onrush/chassis/mysql';
import { stockRepository } from '../data/stock-repository';
import type { Product } from '../domain/product';
import { errors } from '../errors';
import { changed } from './create-product';
import type { UpdateProduct } from './update-product';

/** By how much, or to how much: the latter only from the version that was read. */
export type StockChange = { delta: number } | { set: number; version: number };

/** Changes the free stock, with the reason in the stock ledger. */
export async function adjustStock(
  { db, products, outbox, cache }: UpdateProduct,
  { productId, reason, by, ...change }: { productId: string; reason: string; by: string } & StockChange,
): Promise<Product> {
  await inTransaction(db, async (tx) => {
    const current = await stockRepository.lock(tx, productId);
    if (!current) throw errors.productNotFound();
    if ('set' in change && change.version !== current.version)
      throw errors.versionChanged({ meta: { productId, version: change.version } });
    const delta = 'set' in change ? change.set - current.stock : change.delta;
    if (!(await stockRepository.adjust(tx, productId, delta)))
      throw errors.stockShort({ meta: { productId, delta } });
    await stockRepository.record(tx, { productId, delta, reason, reference: by });
    const version = current.version + 1;
    await outbox.add(tx, [changed({ id: productId, version, updatedAt: new Date() })]);
    await cache.outdate(productId, version);
  });
  outbox.wake();
  const product = await products.find(productId);
  if (!product) throw errors.productNotFound();
  return product;
}
