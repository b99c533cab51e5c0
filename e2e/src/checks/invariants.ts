import type { SaleFacts } from './facts';

/** A rule that must hold at every moment in which nothing is on its way; the numbers are those of architecture.md §4. */
export interface Verdict {
  id: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I7' | 'I11';
  rule: string;
  holds: boolean;
  facts: Record<string, unknown>;
}

/** What clients were told: the reservations that were answered 202, and the orders whose payment was answered `success`. */
export interface ClientHistory {
  accepted: { reservationId: string; orderNo: string }[];
  paidOrders: string[];
}

const sum = (items: { quantity: number }[]): number =>
  items.reduce((total, item) => total + item.quantity, 0);
const isLive = ({ status }: { status: string }) => status === 'QUEUED' || status === 'ORDERED';

export function judge(facts: SaleFacts, history: ClientHistory): Verdict[] {
  return [
    notOversold(facts),
    stockAddsUp(facts),
    nothingLost(facts, history),
    withinLimit(facts),
    journalBalances(facts),
    moneyIsHonoured(facts, history),
    oneOrderEach(facts),
  ];
}

/** Units in orders that were not cancelled. */
export const unitsHeld = ({ orders }: SaleFacts): number =>
  sum(orders.filter((order) => order.status !== 'CANCELLED' && order.status !== 'REFUNDED'));

function notOversold(facts: SaleFacts): Verdict {
  const held = unitsHeld(facts);
  const holds = held <= facts.total && facts.sold <= facts.total && facts.free >= 0;
  return {
    id: 'I1',
    rule: 'never more units than there are',
    holds,
    facts: { total: facts.total, held, sold: facts.sold, free: facts.free },
  };
}

function stockAddsUp(facts: SaleFacts): Verdict {
  const inLedger = sum(facts.reservations.filter(isLive));
  const adds = facts.total === facts.free + facts.inStream + inLedger;
  const ledgerAgrees =
    facts.sold === inLedger &&
    unitsHeld(facts) === sum(facts.reservations.filter(({ status }) => status === 'ORDERED'));
  const { cameIn, free, reserved, sold } = facts.stock;
  const productAdds = cameIn === free + reserved + sold;
  return {
    id: 'I2',
    rule: 'total = free + in stream + reserved, and the product’s stock adds up',
    holds: adds && ledgerAgrees && productAdds,
    facts: {
      total: facts.total,
      free: facts.free,
      inStream: facts.inStream,
      inLedger,
      sold: facts.sold,
      held: unitsHeld(facts),
      product: facts.stock,
    },
  };
}

function nothingLost(facts: SaleFacts, { accepted }: ClientHistory): Verdict {
  const reservations = new Map(facts.reservations.map((reservation) => [reservation.id, reservation]));
  const orders = new Set(facts.orders.map((order) => order.id));
  const lost = accepted.filter(({ reservationId, orderNo }) => {
    const status = reservations.get(reservationId)?.status;
    return status !== 'REJECTED' && !(status && orders.has(orderNo));
  });
  return {
    id: 'I3',
    rule: 'every accepted purchase has its order, or its refusal',
    holds: lost.length === 0,
    facts: { accepted: accepted.length, lost: lost.length, first: lost[0] },
  };
}

function withinLimit(facts: SaleFacts): Verdict {
  const byUser = Map.groupBy(facts.reservations.filter(isLive), (reservation) => reservation.userId);
  const over = [...byUser].filter(([, own]) => sum(own) > facts.perUserLimit).map(([userId]) => userId);
  return {
    id: 'I4',
    rule: 'nobody holds more than the limit',
    holds: over.length === 0,
    facts: { limit: facts.perUserLimit, over },
  };
}

function journalBalances({ journalSum }: SaleFacts): Verdict {
  return {
    id: 'I5',
    rule: 'the journal of payments sums to zero',
    holds: journalSum === 0,
    facts: { journalSum },
  };
}

function moneyIsHonoured(facts: SaleFacts, { paidOrders }: ClientHistory): Verdict {
  const orders = new Map(facts.orders.map((order) => [order.id, order]));
  const captured = facts.payments.filter((payment) => payment.status === 'SUCCEEDED');
  const broken = captured.filter(
    ({ orderId, amount, refunded }) => orders.get(orderId)?.status !== 'PAID' && refunded !== amount,
  );
  const capturedOrders = new Set(captured.map((payment) => payment.orderId));
  const forgotten = paidOrders.filter((orderId) => !capturedOrders.has(orderId));
  return {
    id: 'I7',
    rule: 'whoever paid has the ticket, or the money back',
    holds: broken.length === 0 && forgotten.length === 0,
    facts: { captured: captured.length, broken: broken.length, forgotten: forgotten.length },
  };
}

function oneOrderEach(facts: SaleFacts): Verdict {
  const distinct = (ids: string[]) => new Set(ids).size;
  const reservationIds = facts.orders.map((order) => order.reservationId);
  const duplicates = reservationIds.length - distinct(reservationIds);
  const announced = distinct(facts.events.orderCreated);
  const holds =
    duplicates === 0 && announced === facts.orders.length && facts.events.orderCreated.length === announced;
  return {
    id: 'I11',
    rule: 'one order and one event a reservation',
    holds,
    facts: { orders: facts.orders.length, duplicates, announced, events: facts.events.orderCreated.length },
  };
}
