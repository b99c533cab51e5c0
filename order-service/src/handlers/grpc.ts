import type { DataSource } from 'typeorm';
import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { orderService } from '@onrush/proto';
import { findOrder, findOwnOrder } from '../use-cases/find-orders';

export const grpcHandlers = (deps: { db: DataSource }): ServedService =>
  serve(orderService, {
    GetOrder: {
      allow: ['payment-service', 'gateway'],
      unary: async ({ orderId, userId }) => {
        const order =
          userId === '0' ? await findOrder(deps, orderId) : (await findOwnOrder(deps, orderId, userId)).order;
        return {
          id: order.id,
          orderNo: order.id,
          userId: order.userId,
          kind: order.kind,
          status: order.status,
          totalAmount: order.totalAmount,
          currency: order.currency,
          expiresAt: order.expiresAt.toISOString(),
        };
      },
    },
  });
