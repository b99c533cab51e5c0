import type { DataSource, EntityManager } from 'typeorm';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { orderCancelled } from '@onrush/proto';
import { orderRepository } from '../data/order-repository';
import type { Order } from '../domain/order';
import { orderEvent } from '../domain/order-event';
import { errors } from '../errors';

export interface CancelOrder {
  db: DataSource;
  outbox: Outbox;
}

/** By its owner. A cancelled order stays as it is, and that is the same answer; a paid one is refused. */
export async function cancelOwnOrder(deps: CancelOrder, orderId: string, userId: string): Promise<Order> {
  await inTransaction(deps.db, async (tx) => {
    const order = await orderRepository.lock(tx, orderId);
    if (order?.userId !== userId) throw errors.orderNotFound({ meta: { orderId } });
    if (order.status === 'CANCELLED') return;
    if (order.status === 'PAID') throw errors.alreadyPaid({ meta: { orderId } });
    await cancel(deps, tx, { order, reason: 'by-user', by: `user:${userId}` });
  });
  deps.outbox.wake();
  const order = await orderRepository.find(deps.db, orderId);
  if (!order) throw errors.orderNotFound({ meta: { orderId } });
  return order;
}

/** The time to pay is up. An order that was paid or cancelled in the meantime stays as it is. */
export async function cancelOverdueOrder(deps: CancelOrder, orderId: string, now: Date): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const order = await orderRepository.lock(tx, orderId);
    if (order?.status !== 'CREATED' || order.expiresAt > now) return;
    await cancel(deps, tx, { order, reason: 'timeout', by: 'system' });
  });
  deps.outbox.wake();
}

async function cancel(
  { outbox }: CancelOrder,
  tx: EntityManager,
  { order, reason, by }: { order: Order; reason: string; by: string },
): Promise<void> {
  const at = new Date();
  const change = { from: order.status, to: 'CANCELLED', at, by, cancelReason: reason } as const;
  if (!(await orderRepository.changeStatus(tx, order.id, change)))
    throw errors.illegalTransition({ meta: { orderId: order.id } });
  const cancelled = { ...order, status: 'CANCELLED', cancelReason: reason } as const;
  await outbox.add(tx, [newEvent(orderCancelled, order.id, orderEvent(cancelled, at))]);
}
