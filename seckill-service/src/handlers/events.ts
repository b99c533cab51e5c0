import { on, onEach, type EventHandler } from '@onrush/chassis/message-broker';
import { orderCancelled, orderCreated } from '@onrush/proto';
import { giveBack, type GiveBack } from '../use-cases/give-back';
import { markOrdered, type MarkOrdered } from '../use-cases/mark-ordered';

/** That an order exists is noted in few large batches: the more of a crowd is told of at once the less each costs, and the orders themselves come first. */
const restFactor = 1;

export const eventHandlers = (deps: GiveBack & MarkOrdered): EventHandler[] => [
  on(
    orderCreated,
    (events) =>
      markOrdered(
        deps,
        events.flatMap(({ payload: { reservation_id: id, activity_id: activityId } }) =>
          id === null ? [] : { id, activityId },
        ),
      ),
    { restFactor },
  ),
  onEach(orderCancelled, async ({ payload }) => {
    if (payload.reservation_id !== null)
      await giveBack(deps, payload.reservation_id, payload.reason ?? 'order-cancelled');
  }),
];
