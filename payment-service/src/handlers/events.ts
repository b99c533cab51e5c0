import { onEach, type EventHandler } from '@onrush/chassis/message-broker';
import { orderCancelled } from '@onrush/proto';
import { closePayment } from '../use-cases/close-payment';
import type { SettlePayment } from '../use-cases/settle-payment';

export const eventHandlers = (deps: SettlePayment): EventHandler[] => [
  onEach(orderCancelled, ({ payload }) => closePayment(deps, payload.order_id)),
];
