import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Logger } from '@onrush/chassis/logger';
import type { Product } from '../domain/product';

/**
 * Read-through: a Redis that is away makes reads slower, never wrong. A reader who was slow does not put an old version over a newer one. Stock
 * is not for sale from here.
 */
export interface ProductCache {
  read(id: string, load: () => Promise<Product | null>): Promise<Product | null>;
  /**
   * Called before a change commits: from here on, what is older than `version` is neither shown nor kept. So whoever hears of the change,
   * however soon, does not find the page before it.
   */
  outdate(id: string, version: number): Promise<void>;
}

/** Stands for a version that nobody has read yet. */
const nothingYet = '';

const keepNewest = loadScript<number>(__dirname, 'keep-newest-1.lua');

export function createProductCache(options: {
  redis: Redis;
  keys: Keys;
  seconds: number;
  logger: Logger;
}): ProductCache {
  const { redis, keys, seconds, logger } = options;
  const away = (error: unknown) => logger.warn('product cache not reachable', { error });

  const pageOf = (id: string) => keys('product-page', id);

  async function keep(id: string, version: number, json: string): Promise<void> {
    await keepNewest.run(redis, [pageOf(id)], [version, json, seconds]).catch(away);
  }

  async function load(fromDatabase: () => Promise<Product | null>): Promise<Product | null> {
    const product = await fromDatabase();
    if (product) await keep(product.id, product.version, JSON.stringify(product));
    return product;
  }

  return {
    async read(id, fromDatabase) {
      const cached = await redis.hget(pageOf(id), 'json').catch(away);
      return cached ? revive(cached) : load(fromDatabase);
    },
    outdate: (id, version) => keep(id, version, nothingYet),
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
