import type { DataSource } from 'typeorm';
import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { productService } from '@onrush/proto';
import type { ProductRepository } from '../data/product-repository';
import { errors } from '../errors';
import { confirmStock, releaseStock, reserveStock } from '../use-cases/reserve-stock';
import { resizeReservation } from '../use-cases/resize-reservation';

const mostProducts = 100;

export function grpcHandlers(deps: { db: DataSource; products: ProductRepository }): ServedService {
  return serve(productService, {
    GetProducts: {
      allow: ['order-service', 'seckill-service'],
      unary: async ({ productIds }) => {
        if (productIds.length > mostProducts) throw errors.invalidArgument({ meta: { most: mostProducts } });
        return { products: await deps.products.findMany(productIds) };
      },
    },
    ReserveStock: {
      allow: ['order-service', 'seckill-service'],
      unary: async ({ orderId, lines }) => {
        if (orderId === '0' || lines.length === 0 || lines.some((line) => line.quantity <= 0)) {
          throw errors.invalidArgument({ meta: { orderId, lines } });
        }
        return { changed: await reserveStock(deps, orderId, lines) };
      },
    },
    ConfirmStock: {
      allow: ['order-service'],
      unary: async ({ orderId }) => ({ changed: await confirmStock(deps, orderId) }),
    },
    ReleaseStock: {
      allow: ['order-service', 'seckill-service'],
      unary: async ({ orderId }) => {
        if (orderId === '0') throw errors.invalidArgument({ meta: { orderId } });
        return { changed: await releaseStock(deps, orderId) };
      },
    },
    ResizeReservation: {
      allow: ['seckill-service'],
      unary: async ({ orderId, productId, quantity, revision }) => {
        if (orderId === '0' || productId === '0' || quantity < 0 || revision < 1) {
          throw errors.invalidArgument({ meta: { orderId, productId, quantity, revision } });
        }
        return { changed: await resizeReservation(deps, { orderId, productId, quantity, revision }) };
      },
    },
  });
}
