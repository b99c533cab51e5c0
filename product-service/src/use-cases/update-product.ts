import { inTransaction } from '@onrush/chassis/mysql';
import type { ProductCache } from '../data/product-cache';
import type { ProductChange } from '../data/product-repository';
import type { Product } from '../domain/product';
import { errors } from '../errors';
import { changed, type CreateProduct } from './create-product';

export interface UpdateProduct extends Omit<CreateProduct, 'ids'> {
  cache: ProductCache;
}

/** Optimistic: the change goes in only if `version` is still the current one. */
export async function updateProduct(
  { db, products, outbox, cache }: UpdateProduct,
  { id, version }: Pick<Product, 'id' | 'version'>,
  change: ProductChange,
): Promise<Product> {
  const updatedAt = new Date();
  const isDone = await inTransaction(db, async (tx) => {
    if (!(await products.update(tx, id, version, { ...change, updatedAt }))) return false;
    await outbox.add(tx, [changed({ id, version: version + 1, updatedAt })]);
    await cache.outdate(id, version + 1);
    return true;
  });
  const product = await products.find(id);
  if (!product) throw errors.productNotFound();
  if (!isDone) throw errors.versionChanged({ meta: { id, version } });
  outbox.wake();
  return product;
}
