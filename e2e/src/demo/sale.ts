import { randomUUID } from 'node:crypto';
import type { Api } from '../api';
import { remaining, until } from '../activity';
import type { Buyer } from '../buyers';
import { inParallel } from '../parallel';
import { cancel, pay, tryToBuy, waitForOrder, type SaleHistory, type Ticket } from '../sale-client';

export interface Sale {
  api: Api;
  activityId: string;
  secret: string;
  history: SaleHistory;
}

const atOnce = 128;

/** Everybody tries at the same moment; every fifth repeats its request, every other fifth asks for one more. */
export async function rush({ api, activityId, history }: Sale, buyers: Buyer[]): Promise<number> {
  const began = performance.now();
  let acceptedUntil = began;
  await inParallel(buyers, atOnce, async (buyer, index) => {
    const key = randomUUID();
    const ticket = await tryToBuy(api, activityId, { buyer, history, key });
    if (ticket) acceptedUntil = performance.now();
    if (index % 5 === 1) await repeat({ api, activityId, history }, { buyer, key, ticket });
    if (index % 5 === 2) await tryToBuy(api, activityId, { buyer, history });
  });
  return (acceptedUntil - began) / 1_000;
}

/** The same key again must get the same answer. */
async function repeat(
  { api, activityId, history }: Omit<Sale, 'secret'>,
  { buyer, key, ticket }: { buyer: Buyer; key: string; ticket: Ticket | undefined },
): Promise<void> {
  const again = await tryToBuy(api, activityId, { buyer, history, key });
  // Who was refused may have a ticket now; who had one must have the same.
  if (ticket && again?.reservationId !== ticket.reservationId) history.changedAnswers += 1;
}

/** Six in ten pay, some cancel, the others let their time run out. */
export async function settle(sale: Sale, tickets: Ticket[]): Promise<void> {
  await inParallel(tickets, 32, async (ticket, index) => {
    await waitForOrder(sale.api, ticket);
    const share = index % 20;
    if (share < 12) await pay(sale.api, ticket, sale);
    else if (share < 15) await cancel(sale.api, ticket);
  });
}

/** What comes back is sold again, to those who went away empty-handed; they pay. Ends when all is paid for, or when time is up. */
export async function resell(
  sale: Sale,
  emptyHanded: Buyer[],
  { total, limitMs }: { total: number; limitMs: number },
): Promise<number> {
  const queue = [...emptyHanded];
  let resold = 0;
  const isAllPaid = async (): Promise<boolean> => {
    const free = await remaining(sale.api, sale.activityId);
    await inParallel(queue.splice(0, free), 32, async (buyer) => {
      const ticket = await tryToBuy(sale.api, sale.activityId, { buyer, history: sale.history });
      if (!ticket) return;
      resold += 1;
      await waitForOrder(sale.api, ticket);
      await pay(sale.api, ticket, sale);
    });
    return new Set(sale.history.paidOrders).size >= total || queue.length === 0;
  };
  await until(isAllPaid, limitMs, 300);
  return resold;
}
