import type { ProductCache } from '../data/product-cache';
import type { ProductFilter, ProductRepository } from '../data/product-repository';
import type { Product } from '../domain/product';
import { errors } from '../errors';

export async function findProduct(
  { products, cache }: { products: ProductRepository; cache: ProductCache },
  id: string,
): Promise<Product> {
  const product = await cache.read(id, () => products.find(id));
  if (!product || product.status === 'DRAFT') throw errors.productNotFound({ meta: { id } });
  return product;
}

export async function findLiveStock(
  { products }: { products: ProductRepository },
  id: string,
): Promise<Product> {
  const product = await products.find(id);
  if (!product || product.status === 'DRAFT') throw errors.productNotFound({ meta: { id } });
  return product;
}

export const listProducts = ({ products }: { products: ProductRepository }, filter: ProductFilter) =>
  products.list(filter);
