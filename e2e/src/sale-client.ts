import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Answer, Api } from './api';
import type { Buyer } from './buyers';

export interface Ticket {
  buyer: Buyer;
  orderNo: string;
  reservationId: string;
}

/** What clients of one sale did and were told; times in milliseconds. */
export interface SaleHistory {
  tries: number;
  accepted: Ticket[];
  refused: Map<string, number>;
  latencies: number[];
  /** Answers to a repeated Idempotency-Key that differed from the first. */
  changedAnswers: number;
  paidOrders: string[];
}

export const newHistory = (): SaleHistory => ({
  tries: 0,
  accepted: [],
  refused: new Map(),
  latencies: [],
  changedAnswers: 0,
  paidOrders: [],
});

interface Bought {
  order_no: string;
  reservation_id: string;
}

/** One try to buy; a 503 is tried again under the same key, as its Retry-After asks. */
export async function tryToBuy(
  api: Api,
  activityId: string,
  { buyer, history, key }: { buyer: Buyer; history: SaleHistory; key?: string },
): Promise<Ticket | undefined> {
  const idempotencyKey = key ?? randomUUID();
  history.tries += 1;
  for (;;) {
    const began = performance.now();
    const answer = await attempt(api, activityId, buyer, idempotencyKey);
    if (answer?.status === 503 || answer === undefined) {
      count(history, 'try again (503)');
      await wait(200);
      continue;
    }
    history.latencies.push(performance.now() - began);
    if (answer.status !== 202) {
      count(history, answer.message);
      return undefined;
    }
    const ticket = { buyer, orderNo: answer.data.order_no, reservationId: answer.data.reservation_id };
    remember(history, ticket);
    return ticket;
  }
}

/** Undefined when the connection broke: whether the purchase was decided is unknown, so it is asked again under its key. */
async function attempt(
  api: Api,
  activityId: string,
  buyer: Buyer,
  idempotencyKey: string,
): Promise<Answer<Bought> | undefined> {
  try {
    return await api.call<Bought>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
      token: buyer.accessToken,
      body: { quantity: 1 },
      headers: { 'idempotency-key': idempotencyKey },
    });
  } catch {
    return undefined;
  }
}

function remember(history: SaleHistory, ticket: Ticket): void {
  if (!history.accepted.some((known) => known.reservationId === ticket.reservationId))
    history.accepted.push(ticket);
}

const count = (history: SaleHistory, reason: string): void => {
  history.refused.set(reason, (history.refused.get(reason) ?? 0) + 1);
};

interface Order {
  id: string;
  status: string;
}

/** Waits until the order of a ticket is there: it was promised with the 202. */
export async function waitForOrder(api: Api, ticket: Ticket, limitMs = 60_000): Promise<Order> {
  const until = Date.now() + limitMs;
  for (;;) {
    const answer = await api
      .call<Order>(`GET /api/v1/orders/${ticket.orderNo}`, { token: ticket.buyer.accessToken })
      .catch(() => undefined);
    if (answer?.status === 200) return answer.data;
    if (Date.now() > until)
      throw new Error(`order ${ticket.orderNo} was accepted and is not there after ${limitMs / 1000} s`);
    await wait(answer?.status === 429 ? 1_000 : 50);
  }
}

/** Comes again, under the same key, where it is told to, and where nobody knows what came of it. */
async function startPayment(
  api: Api,
  ticket: Ticket,
): Promise<Answer<{ payment_no: string; amount: number }>> {
  for (let attempts = 1; ; attempts += 1) {
    const answer = await api.call<{ payment_no: string; amount: number }>('POST /api/v1/payment/create', {
      token: ticket.buyer.accessToken,
      body: { order_id: ticket.orderNo, channel: 'mock' },
      headers: { 'idempotency-key': `pay-${ticket.orderNo}` },
    });
    const isWorthAnotherTry = answer.status >= 500 || answer.status === 429;
    if (!isWorthAnotherTry || attempts >= 20) return answer;
    await wait((answer.retryAfterSeconds ?? 1) * 1_000);
  }
}

/** Pays through the mock provider: the payment is created, and its signed callback comes in. True when it was taken. */
export async function pay(
  api: Api,
  ticket: Ticket,
  { history, secret }: { history: SaleHistory; secret: string },
): Promise<boolean> {
  const created = await startPayment(api, ticket);
  if (created.status !== 201) {
    count(history, `payment: ${created.message}`);
    return false;
  }
  const rawBody = JSON.stringify({
    payment_no: created.data.payment_no,
    trade_no: `T${ticket.orderNo}`,
    amount: created.data.amount,
    currency: 'CNY',
    status: 'SUCCESS',
    paid_at: new Date().toISOString(),
  });
  const signature = createHmac('sha256', secret).update(rawBody).digest('hex');
  // Like a provider: again and again, until the answer is `success`.
  for (let attempts = 0; attempts < 20; attempts += 1) {
    const answer = await api
      .call('POST /api/v1/payment/callback/mock', { rawBody, headers: { 'x-mock-signature': signature } })
      .catch(() => undefined);
    if (answer?.status === 200) {
      history.paidOrders.push(ticket.orderNo);
      return true;
    }
    await wait(200);
  }
  return false;
}

export const cancel = (api: Api, ticket: Ticket): Promise<Answer> =>
  api.call(`POST /api/v1/orders/${ticket.orderNo}/cancel`, { token: ticket.buyer.accessToken });
