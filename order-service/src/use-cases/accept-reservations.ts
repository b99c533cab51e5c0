import type { DataSource } from 'typeorm';
import { newEvent, type ReceivedEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { orderCreated, type SeckillReserved } from '@onrush/proto';
import { orderRepository } from '../data/order-repository';
import { createOrder, type Order } from '../domain/order';
import { orderEvent } from '../domain/order-event';
import type { CreationTimes } from './creation-times';
import type { Deadlines } from './deadlines';

export interface AcceptReservations {
  db: DataSource;
  outbox: Outbox;
  deadlines: Deadlines;
  creationTimes: CreationTimes;
}

/**
 * One order for each reservation, whatever is delivered twice: rows and events of a batch are one transaction. Their timers are
 * set when their time is near; where that is now and the process dies before, the sweep finds them.
 */
export async function acceptReservations(
  deps: AcceptReservations,
  reservations: Pick<ReceivedEvent<SeckillReserved>, 'payload' | 'traceparent'>[],
): Promise<void> {
  const orders = reservations.map(({ payload }) => orderOf(payload));
  const causes = new Map(reservations.map((event) => [event.payload.order_no, event]));
  const created = await inTransaction(deps.db, async (tx) => {
    const created = await orderRepository.insertNew(tx, orders);
    await deps.outbox.add(
      tx,
      created.map((order) =>
        newEvent(orderCreated, order.id, orderEvent(order, order.createdAt), causes.get(order.id)),
      ),
    );
    return created;
  });
  for (const { id } of created) {
    const cause = causes.get(id);
    if (cause) deps.creationTimes.created('seckill', new Date(cause.payload.reserved_at));
  }
  deps.outbox.wake();
  await deps.deadlines.note(orders);
}

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
