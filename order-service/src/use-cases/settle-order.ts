import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Logger } from '@onrush/chassis/logger';
import { orderPaid } from '@onrush/proto';
import { orderRepository } from '../data/order-repository';
import { orderEvent } from '../domain/order-event';
import type { CancelOrder } from './cancel-order';

/**
 * The money has arrived: CREATED becomes PAID. A second delivery changes nothing. Money for a cancelled order changes nothing here either:
 * payment-service sees the same cancellation, and gives it back.
 */
export async function settleOrder(deps: CancelOrder & { logger: Logger }, orderId: string): Promise<void> {
  const paid = await inTransaction(deps.db, async (tx) => {
    const order = await orderRepository.lock(tx, orderId);
    if (!order) throw new Error(`a payment for order ${orderId}, which does not exist`);
    if (order.status !== 'CREATED') return order.status;
    const at = new Date();
    await orderRepository.changeStatus(tx, orderId, {
      from: 'CREATED',
      to: 'PAID',
      at,
      by: 'payment-service',
    });
    await deps.outbox.add(tx, [newEvent(orderPaid, orderId, orderEvent({ ...order, status: 'PAID' }, at))]);
    return 'PAID';
  });
  if (paid === 'CANCELLED')
    deps.logger.warn('money for a cancelled order; payment-service refunds it', { orderId });
  deps.outbox.wake();
}

/** The money went back to the buyer. */
export async function markRefunded({ db }: Pick<CancelOrder, 'db'>, orderId: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    const order = await orderRepository.lock(tx, orderId);
    if (order?.status !== 'PAID') return;
    await orderRepository.changeStatus(tx, orderId, {
      from: 'PAID',
      to: 'REFUNDED',
      at: new Date(),
      by: 'payment-service',
    });
  });
}
