import { on, type EventDefinition, type EventHandler } from '@onrush/chassis/message-broker';
import {
  orderCancelled,
  orderCreated,
  orderPaid,
  paymentRefunded,
  paymentSucceeded,
  seckillRejected,
  userRegistered,
} from '@onrush/proto';
import type { Draft } from '../domain/notification';
import { templates } from '../domain/templates';
import { notify, type Notify } from '../use-cases/notify';

export function eventHandlers(deps: Notify): EventHandler[] {
  const tell = <T>(definition: EventDefinition<T>, template: (payload: T) => Draft): EventHandler =>
    on(definition, (events) =>
      notify(
        deps,
        events.map(({ id: eventId, payload, traceparent }) => ({
          eventId,
          traceparent,
          draft: template(payload),
        })),
      ),
    );
  return [
    tell(userRegistered, templates['user.registered']),
    tell(orderCreated, templates['order.created']),
    tell(orderPaid, templates['order.paid']),
    tell(orderCancelled, templates['order.cancelled']),
    tell(paymentSucceeded, templates['payment.succeeded']),
    tell(paymentRefunded, templates['payment.refunded']),
    tell(seckillRejected, templates['seckill.rejected']),
  ];
}
