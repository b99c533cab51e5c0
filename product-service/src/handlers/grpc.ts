import type { DataSource } from 'typeorm';
import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { productService } from '@onrush/proto';
import type { ProductRepository } from '../data/product-repository';
import { errors } from '../errors';
import { confirmStock, releaseStock, reserveStock } from '../use-cases/reserve-stock';

export function grpcHandlers(deps: { db: DataSource; products: ProductRepository }): ServedService {
  return serve(productService, {
    GetProducts: {
      allow: ['order-service', 'seckill-service'],
      unary: async ({ product_ids }) => ({ products: await deps.products.findMany(product_ids.slice(0, 100)) }),
    },
    ReserveStock: {
      allow: ['order-service', 'seckill-service'],
      unary: async ({ order_id, lines }) => {
        const wanted = lines.map(({ product_id, quantity }) => ({ productId: product_id, quantity }));
        if (order_id === '0' || wanted.length === 0 || wanted.some((line) => line.quantity <= 0)) {
          throw errors.invalidArgument({ meta: { order_id, lines } });
        }
        return { changed: await reserveStock(deps, order_id, wanted) };
      },
    },
    ConfirmStock: {
      allow: ['order-service'],
      unary: async ({ order_id }) => ({ changed: await confirmStock(deps, order_id) }),
    },
    ReleaseStock: {
      allow: ['order-service', 'seckill-service'],
      unary: async ({ order_id }) => ({ changed: await releaseStock(deps, order_id) }),
    },
  });
}
