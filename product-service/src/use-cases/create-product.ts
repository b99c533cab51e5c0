import type { DataSource } from 'typeorm';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { productChanged } from '@onrush/proto';
import type { ProductRepository } from '../data/product-repository';
import { stockRepository } from '../data/stock-repository';
import { createProduct, type NewProduct, type Product } from '../domain/product';

export interface CreateProduct {
  db: DataSource;
  products: ProductRepository;
  outbox: Outbox;
  ids: Snowflake;
}

export async function createNewProduct(
  { db, products, outbox, ids }: CreateProduct,
  wanted: NewProduct,
): Promise<Product> {
  const product = createProduct(ids.nextId(), wanted, new Date());
  await inTransaction(db, async (tx) => {
    await products.insert(tx, product);
    await stockRepository.record(tx, {
      productId: product.id,
      delta: product.stock,
      reason: 'created',
      reference: product.id,
    });
    await outbox.add(tx, [changed(product)]);
  });
  outbox.wake();
  return product;
}

export const changed = (product: Pick<Product, 'id' | 'version' | 'updatedAt'>) =>
  newEvent(productChanged, product.id, {
    product_id: product.id,
    version: product.version,
    at: product.updatedAt.toISOString(),
  });
