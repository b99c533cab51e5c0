import type { OrderEvent } from '@onrush/proto';
import type { Order } from './order';

/** What the other services learn about an order. */
export const orderEvent = (order: Order, at: Date): OrderEvent => ({
  order_id: order.id,
  order_no: order.id,
  user_id: order.userId,
  kind: order.kind,
  total_amount: order.totalAmount,
  currency: order.currency,
  reservation_id: order.reservationId,
  activity_id: order.activityId,
  items: order.items.map(({ productId, name, price, quantity }) => ({
    product_id: productId,
    name,
    price,
    quantity,
  })),
  reason: order.cancelReason,
  at: at.toISOString(),
});
