import { until } from '@onrush/e2e/activity';
import type { Buyer } from '@onrush/e2e/buyers';
import { inParallel } from '@onrush/e2e/parallel';
import { cancel, newHistory, pay, type Ticket } from '@onrush/e2e/sale-client';
import { buyPath } from '../buy-request';
import type { RehearsalOptions } from './program';
import { keyOf, shareOf } from './rush';
import { read, reservationsOf, type Rehearsal } from './stage';

/** The staff's reconciliation of the activity, as far as it is asked here. */
export interface Reconciliation {
  status: string;
  equation: {
    total: number;
    free: number | null;
    in_stream: number | null;
    queued: number;
    ordered: number;
    returning: number | null;
  };
  differences: { stock: number | null; ledger: number; excess: number | null };
  repairs: unknown[];
}

type Scene = Rehearsal & { activityId: string };

const atOnce = 32;

export const reconciliationOf = ({ api, adminToken, activityId }: Scene): Promise<Reconciliation> =>
  read<Reconciliation>(api, `/api/v1/admin/seckill/activities/${activityId}/reconciliation`, adminToken);

/** Seconds until every accepted purchase was an order; undefined when time was up before. */
export async function drain(scene: Scene, limitSeconds: number): Promise<number | undefined> {
  const began = performance.now();
  const isDrained = async () => {
    const { equation } = await reconciliationOf(scene);
    return equation.in_stream === 0 && equation.queued === 0;
  };
  const isDone = await until(isDrained, limitSeconds * 1_000, 100);
  return isDone ? (performance.now() - began) / 1_000 : undefined;
}

/** What each buyer has, as the service says it. */
export async function ticketsOf({ api, activityId }: Scene, buyers: Buyer[]): Promise<Ticket[]> {
  const own = await inParallel(buyers, atOnce, async (buyer) =>
    (await reservationsOf(api, activityId, buyer)).map(({ id, order_no }) => ({
      buyer,
      orderNo: order_no,
      reservationId: id,
    })),
  );
  return own.flat();
}

/** Some of those who have a unit send their request again under its key; how many got other numbers than those they have. */
export async function repeat(
  { api, activityId }: Scene,
  tickets: Ticket[],
  { share, greedy }: { share: number; greedy: Set<Buyer> },
): Promise<{ repeated: number; changed: number }> {
  const repeating = shareOf(tickets, share);
  let changed = 0;
  await inParallel(repeating, atOnce, async ({ buyer, orderNo }) => {
    const { status, data } = await api.call<{ order_no: string } | null>(`POST ${buyPath(activityId)}`, {
      token: buyer.accessToken,
      body: { quantity: 1 },
      headers: { 'idempotency-key': keyOf(buyer) },
    });
    // Of two tries in the same moment either may have been the first.
    const isOverLimit = status === 409 && greedy.has(buyer);
    if (data?.order_no !== orderNo && !isOverLimit) changed += 1;
  });
  return { repeated: repeating.length, changed };
}

/** Some pay, some cancel, the others let their time run out. */
export async function settle(
  { api, secret }: Scene,
  tickets: Ticket[],
  { payShare, cancelShare }: RehearsalOptions,
): Promise<{ paying: number; paid: number; refused: Record<string, number> }> {
  const history = newHistory();
  const paying = Math.round(tickets.length * payShare);
  const cancelling = Math.round(tickets.length * cancelShare);
  await inParallel(tickets, atOnce, async (ticket, index) => {
    if (index < paying) await pay(api, ticket, { history, secret });
    else if (index < paying + cancelling) await cancel(api, ticket);
  });
  return { paying, paid: history.paidOrders.length, refused: Object.fromEntries(history.refused) };
}

interface OrderList {
  items: { id: string; status: string; rehearsal: boolean }[];
  total: number;
}

export interface Ends {
  paid: number;
  cancelled: number;
  /** Neither, when time was up. */
  open: number;
  /** Tickets whose buyer has not exactly this one order, marked as a rehearsal's. */
  withoutOneOrder: number;
}

/** How each order ended. */
export async function ends({ api }: Scene, tickets: Ticket[], limitMs: number): Promise<Ends> {
  const result: Ends = { paid: 0, cancelled: 0, open: 0, withoutOneOrder: 0 };
  const end = Date.now() + limitMs;
  await inParallel(tickets, atOnce, async ({ buyer, orderNo }) => {
    let list: OrderList = { items: [], total: 0 };
    const isOver = async () => {
      list = await read<OrderList>(api, '/api/v1/orders', buyer.accessToken);
      return list.items.some(({ status }) => status === 'PAID' || status === 'CANCELLED');
    };
    await until(isOver, Math.max(0, end - Date.now()), 300);
    const [order] = list.items;
    if (list.total !== 1 || order?.id !== orderNo || !order.rehearsal) result.withoutOneOrder += 1;
    if (order?.status === 'PAID') result.paid += 1;
    else if (order?.status === 'CANCELLED') result.cancelled += 1;
    else result.open += 1;
  });
  return result;
}

/** The stock equation once all that was not paid is for sale again, or as it stands when time is up. */
export async function lastReconciliation(
  scene: Scene,
  { paid, limitMs }: { paid: number; limitMs: number },
): Promise<Reconciliation> {
  let last = await reconciliationOf(scene);
  const isQuiet = async () => {
    last = await reconciliationOf(scene);
    return last.status === 'BALANCED' && last.equation.ordered === paid;
  };
  await until(isQuiet, limitMs, 100);
  return last;
}

/** How many messages the buyers have in their inboxes. */
export async function messagesTo({ api }: Scene, buyers: Buyer[]): Promise<number> {
  const totals = await inParallel(buyers, atOnce, async ({ accessToken: token }) => {
    const { total } = await read<{ total: number }>(api, '/api/v1/notifications', token);
    return total;
  });
  return totals.reduce((sum, one) => sum + one, 0);
}

/** Whether the public, and a real user, are told that there is no such activity. */
export async function isHidden({ api, adminToken: token, activityId }: Scene): Promise<boolean> {
  const page = await api.call(`GET /api/v1/seckill/activities/${activityId}`);
  const list = await read<{ items: { id: string }[] }>(api, '/api/v1/seckill/activities?page_size=100');
  const purchase = await api.call(`POST ${buyPath(activityId)}`, { token, body: { quantity: 1 } });
  return page.status === 404 && purchase.status === 404 && list.items.every(({ id }) => id !== activityId);
}
