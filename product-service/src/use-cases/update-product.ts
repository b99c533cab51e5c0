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
  await inTransaction(db, async (tx) => {
    if (!(await products.update(tx, id, version, { ...change, updatedAt }))) {
      throw (await products.find(id))
        ? errors.versionChanged({ meta: { id, version } })
        : errors.productNotFound();
    }
    await outbox.add(tx, [changed({ id, version: version + 1, updatedAt })]);
  });
  outbox.wake();
  await cache.forget(id);
  const product = await products.find(id);
  if (!product) throw errors.productNotFound();
  return product;
}
