import { newEvent } from '@onrush/chassis/message-broker';
import { orderCancelled, orderCreated, type OrderEvent } from '@onrush/proto';
import type { Bought } from './another-instance';
import type { Fixture } from './fixture';

export interface Ordered extends Bought {
  activityId: string;
  userId: string;
}

const orderEvent = ({ order_no, ...ordered }: Ordered, reason: string | null): OrderEvent => ({
  order_id: order_no,
  order_no,
  user_id: ordered.userId,
  kind: 'SECKILL',
  total_amount: 12_800,
  currency: 'CNY',
  reservation_id: ordered.reservation_id,
  activity_id: ordered.activityId,
  items: [{ product_id: '77', name: 'Ticket', price: 12_800, quantity: 1 }],
  reason,
  at: new Date().toISOString(),
});

/** What order-service would tell. */
export const tellCreated = ({ kafka }: Fixture, ...ordered: Ordered[]): Promise<void> =>
  kafka.broker.publish(ordered.map((one) => newEvent(orderCreated, one.order_no, orderEvent(one, null))));

export const tellCancelled = ({ kafka }: Fixture, ordered: Ordered, reason = 'timeout'): Promise<void> =>
  kafka.broker.publish([newEvent(orderCancelled, ordered.order_no, orderEvent(ordered, reason))]);
