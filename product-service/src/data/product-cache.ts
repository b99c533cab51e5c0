import type { Redis } from 'ioredis';
import type { Keys } from '@onrush/chassis/redis';
import type { Logger } from '@onrush/chassis/logger';
import type { Product } from '../domain/product';

/** Read-through: a Redis that is away makes reads slower, never wrong. Stock is not for sale from here. */
export interface ProductCache {
  read(id: string, load: () => Promise<Product | null>): Promise<Product | null>;
  forget(id: string): Promise<void>;
}

export function createProductCache(options: {
  redis: Redis;
  keys: Keys;
  seconds: number;
  logger: Logger;
}): ProductCache {
  const { redis, keys, seconds, logger } = options;
  const away = (error: unknown) => logger.warn('product cache not reachable', { error });

  async function load(id: string, fromDatabase: () => Promise<Product | null>): Promise<Product | null> {
    const product = await fromDatabase();
    if (product) await redis.set(keys('product', id), JSON.stringify(product), 'EX', seconds).catch(away);
    return product;
  }

  return {
    async read(id, fromDatabase) {
      const cached = await redis.get(keys('product', id)).catch(away);
      return cached ? revive(cached) : load(id, fromDatabase);
    },
    async forget(id) {
      await redis.del(keys('product', id)).catch(away);
    },
  };
}

function revive(text: string): Product {
  const product = JSON.parse(text) as Product;
  const date = (value: Date | null) => (value === null ? null : new Date(value));
  return {
    ...product,
    sessionAt: date(product.sessionAt),
    createdAt: new Date(product.createdAt),
    updatedAt: new Date(product.updatedAt),
  };
}
