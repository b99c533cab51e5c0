import { isAppError } from '@onrush/chassis/errors';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { orderService } from '@onrush/proto';
import type { PayableOrder } from '../domain/payment';
import { errors } from '../errors';

export interface Orders {
  /** Another user's order does not exist. */
  find(orderId: string, userId: string): Promise<PayableOrder>;
}

export const createOrders = (client: GrpcClient<typeof orderService>): Orders => ({
  async find(orderId, userId) {
    try {
      const order = await client.call('GetOrder', { orderId, userId }, { idempotent: true });
      return { ...order, totalAmount: Number(order.totalAmount), expiresAt: new Date(order.expiresAt) };
    } catch (error) {
      if (isAppError(error) && error.status === 'NOT_FOUND')
        throw errors.orderNotFound({ cause: error, meta: { orderId } });
      throw error;
    }
  },
});
