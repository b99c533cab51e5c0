import type { DataSource } from 'typeorm';
import { onEach, type EventHandler } from '@onrush/chassis/message-broker';
import { orderCancelled, orderPaid } from '@onrush/proto';
import { confirmStock, releaseStock } from '../use-cases/reserve-stock';

/** Seckill orders hold no stock here: their units were reserved for the whole activity. */
export const eventHandlers = (deps: { db: DataSource }): EventHandler[] => [
  onEach(orderPaid, async ({ payload }) => {
    if (payload.kind === 'ORDINARY') await confirmStock(deps, payload.order_id);
  }),
  onEach(orderCancelled, async ({ payload }) => {
    if (payload.kind === 'ORDINARY') await releaseStock(deps, payload.order_id);
  }),
];
