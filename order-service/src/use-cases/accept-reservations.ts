import type { DataSource } from 'typeorm';
import type { DelayQueue } from '@onrush/chassis/delay-queue';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { orderCreated, type SeckillReserved } from '@onrush/proto';
import { orderRepository } from '../data/order-repository';
import { createOrder, type Order } from '../domain/order';
import { orderEvent } from '../domain/order-event';

export interface AcceptReservations {
  db: DataSource;
  outbox: Outbox;
  timeouts: DelayQueue<{ orderId: string }>;
}

/**
 * One order for each reservation, whatever is delivered twice: rows and events of a batch are one transaction. The timers follow; where
 * the process dies before them, the sweep finds the orders by their time.
 */
export async function acceptReservations(
  deps: AcceptReservations,
  reservations: SeckillReserved[],
): Promise<void> {
  const orders = reservations.map(orderOf);
  await inTransaction(deps.db, async (tx) => {
    const created = await orderRepository.insertNew(tx, orders);
    await deps.outbox.add(
      tx,
      created.map((order) => newEvent(orderCreated, order.id, orderEvent(order, order.createdAt))),
    );
  });
  deps.outbox.wake();
  await scheduleTimeouts(deps.timeouts, orders);
}

export const scheduleTimeouts = (timeouts: AcceptReservations['timeouts'], orders: Order[]): Promise<void> =>
  timeouts.schedule(
    orders.map((order) => ({ id: order.id, dueAt: order.expiresAt, payload: { orderId: order.id } })),
  );

function orderOf(reservation: SeckillReserved): Order {
  const reservedAt = new Date(reservation.reserved_at);
  return createOrder({
    id: reservation.order_no,
    userId: reservation.user_id,
    kind: 'SECKILL',
    reservationId: reservation.reservation_id,
    activityId: reservation.activity_id,
    items: [
      {
        productId: reservation.product_id,
        name: reservation.product_name,
        price: reservation.price,
        quantity: reservation.quantity,
      },
    ],
    createdAt: new Date(),
    expiresAt: new Date(reservedAt.getTime() + reservation.payment_timeout_seconds * 1000),
  });
}
