import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
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

  return repeat({ name: 'order sweep', everySeconds: options.everySeconds, work: sweep, logger });
}

/** Apart from the sweep, which may have to wait for other services. */
export const createDeadlineTimer = (options: {
  deadlines: Deadlines;
  everySeconds: number;
  logger: Logger;
}): Component => repeat({ ...options, name: 'payment deadlines', work: () => options.deadlines.setNext() });

function repeat({
  name,
  everySeconds,
  work,
  logger,
}: {
  name: string;
  everySeconds: number;
  work: () => Promise<void>;
  logger: Logger;
}): Component {
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();

  function next(): void {
    timer = setTimeout(() => {
      current = work()
        .catch((error: unknown) => logger.warn(`${name} failed, it comes back`, { error }))
        .finally(next);
    }, everySeconds * 1000);
  }

  return {
    name,
    start: () => {
      next();
      return Promise.resolve();
    },
    stop: async () => {
      clearTimeout(timer);
      await current;
      clearTimeout(timer);
    },
  };
}
