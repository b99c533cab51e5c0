import type { Logger } from '@onrush/chassis/logger';
import { on, onEach, type EventHandler } from '@onrush/chassis/message-broker';
import { paymentRefunded, paymentSucceeded, seckillReserved } from '@onrush/proto';
import { acceptReservations, type AcceptReservations } from '../use-cases/accept-reservations';
import { markRefunded, settleOrder } from '../use-cases/settle-order';

export const eventHandlers = (deps: AcceptReservations & { logger: Logger }): EventHandler[] => [
  on(seckillReserved, (events) => acceptReservations(deps, events)),
  onEach(paymentSucceeded, ({ payload }) => settleOrder(deps, payload.order_id)),
  onEach(paymentRefunded, ({ payload }) => markRefunded(deps, payload.order_id)),
];
