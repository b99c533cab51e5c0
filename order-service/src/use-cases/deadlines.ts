import type { DataSource } from 'typeorm';
import type { DelayQueue } from '@onrush/chassis/delay-queue';
import { orderRepository } from '../data/order-repository';
import type { Order } from '../domain/order';

/** The timers of unpaid orders. An order waits in MySQL alone until its time is near: in the middle of a sale, nobody has time for timers. */
export interface Deadlines {
  /** New orders, once they are committed. */
  note(orders: Pick<Order, 'id' | 'expiresAt'>[]): Promise<void>;
  /** Sets the timers of orders whose time has come near since the last call. */
  setNext(): Promise<void>;
}

const ordersPerPage = 1_000;

/**
 * Each call of setNext reaches two rounds ahead, so that a late one is no harm. New orders have their timer at once where they are due within twice as
 * long: whichever call of setNext did not see them, the one before it had not come as far. A timer that is set twice is one.
 */
export function createDeadlines({
  db,
  timers,
  everyMs,
}: {
  db: DataSource;
  timers: Pick<DelayQueue<{ orderId: string }>, 'schedule'>;
  /** How often setNext is called. */
  everyMs: number;
}): Deadlines {
  const aheadMs = 2 * everyMs;
  /** Up to here they are set. What was due before our first look is overdue, and found by the sweep. */
  let reached: Date | undefined;

  const set = (orders: Pick<Order, 'id' | 'expiresAt'>[]): Promise<void> =>
    timers.schedule(orders.map(({ id, expiresAt }) => ({ id, dueAt: expiresAt, payload: { orderId: id } })));

  return {
    note: (orders) => {
      const soon = Date.now() + 2 * aheadMs;
      return set(orders.filter(({ expiresAt }) => expiresAt.getTime() <= soon));
    },
    async setNext() {
      const now = new Date();
      const until = new Date(now.getTime() + aheadMs);
      let after = { id: '0', expiresAt: reached ?? now };
      for (;;) {
        const page = await orderRepository.findDue(db, { after, until, limit: ordersPerPage });
        await set(page);
        const last = page.at(-1);
        if (!last || page.length < ordersPerPage) break;
        after = last;
      }
      reached = until;
    },
  };
}
