import type { DataSource } from 'typeorm';
import type { Payment, Payments } from '../clients/payments';
import { orderRepository } from '../data/order-repository';
import { errors } from '../errors';

/** Asks payment-service for a payment of this order. */
export async function payOrder(
  { db, payments }: { db: DataSource; payments: Payments },
  { orderId, userId, channel }: { orderId: string; userId: string; channel: string },
): Promise<Payment> {
  const order = await orderRepository.find(db, orderId);
  if (order?.userId !== userId) throw errors.orderNotFound({ meta: { orderId } });
  if (order.status === 'CANCELLED') throw errors.alreadyCancelled({ meta: { orderId } });
  if (order.status !== 'CREATED') throw errors.alreadyPaid({ meta: { orderId, status: order.status } });
  return payments.create(orderId, userId, channel);
}
