import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import { createRounds } from '@onrush/chassis/rounds';
import { orderRepository } from '../data/order-repository';
import { sagaRepository } from '../data/saga-repository';
import { cancelOverdueOrder, type CancelOrder } from '../use-cases/cancel-order';
import type { Deadlines } from '../use-cases/deadlines';
import { endStaleSaga, type PlaceOrder } from '../use-cases/place-order';

const ordersPerSweep = 500;

/** Finds what the delay queue or a dead process forgot: MySQL, not Redis, decides when an order's time is up. */
export function createSweep(options: {
  deps: CancelOrder & Pick<PlaceOrder, 'db' | 'products' | 'logger'>;
  everySeconds: number;
  sagaStaleSeconds: number;
  logger: Logger;
}): Component {
  const { deps, logger } = options;
  async function sweep(): Promise<void> {
    const now = new Date();
    for (const orderId of await orderRepository.findOverdue(deps.db, now, ordersPerSweep))
      await cancelOverdueOrder(deps, orderId, now);
    const stale = new Date(now.getTime() - options.sagaStaleSeconds * 1000);
    for (const saga of await sagaRepository.findStale(deps.db, stale)) {
      logger.warn('stale saga ended', { orderId: saga.orderId, state: saga.state });
      // One that cannot be ended must not keep the others from it.
      await endStaleSaga(deps, saga).catch((error: unknown) =>
        logger.warn('stale saga not ended, it comes back', { orderId: saga.orderId, error }),
      );
    }
  }

  return createRounds({ name: 'order sweep', everyMs: options.everySeconds * 1_000, round: sweep, logger });
}

/** Apart from the sweep, which may have to wait for other services. */
export const createDeadlineTimer = ({
  deadlines,
  everySeconds,
  logger,
}: {
  deadlines: Deadlines;
  everySeconds: number;
  logger: Logger;
}): Component =>
  createRounds({
    name: 'payment deadlines',
    everyMs: everySeconds * 1_000,
    round: () => deadlines.setNext(),
    logger,
  });
