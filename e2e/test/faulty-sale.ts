import { setTimeout as wait } from 'node:timers/promises';
import { openActivity, until } from '../src/activity';
import type { Buyer } from '../src/buyers';
import { readFacts, type SaleFacts } from '../src/checks/facts';
import { judge, type Verdict } from '../src/checks/invariants';
import { waitUntilSettled } from '../src/checks/settled';
import type { Servers } from '../src/environment';
import { inParallel } from '../src/parallel';
import type { TestFleet } from './fleet';

/** What a purchase that was answered 202 was told. */
interface Accepted {
  reservationId: string;
  orderNo: string;
}

/** A sale while something is done to it, as its buyers see it. */
export interface FaultySale {
  activityId: string;
  accepted: Map<Buyer, Accepted>;
  /** Answers that said "come back", and connections that broke. */
  triedAgain: number;
  /** The longest that anybody waited for any answer. */
  slowestMs: number;
  /** The longest time in which nobody was told yes, from the first to the last who was. */
  longestPauseMs: number;
}

/** Done once that many have been accepted; `holding`: nobody tries to buy meanwhile. */
export interface Fault {
  after: number;
  holding?: boolean;
  inject(sale: FaultySale): Promise<unknown>;
}

interface Bought {
  order_no: string;
  reservation_id: string;
}

const paused = 409402;
const lanes = 16;

export interface FaultySales {
  sell(title: string, wanted: { tickets: number; faults: Fault[] }): Promise<FaultySale>;
  /** What the servers say once nothing is on its way, and the rules that do not hold; events may come twice, what they do may not. */
  outcome(sale: FaultySale): Promise<{ facts: SaleFacts; broken: Verdict[] }>;
  /** Buyers whom the same Idempotency-Key again gives another answer than the first. */
  changedAnswers(sale: FaultySale): Promise<Buyer[]>;
  reservation(buyer: Buyer, id: string): Promise<{ status: string; reason: string | null }>;
}

/** Sales in which every buyer wants one ticket, and asks again under the same key until the answer is a decision. `servers`: those of the sale. */
export function createFaultySales(
  { api, adminToken, fleet }: TestFleet,
  { servers, buyers }: { servers: Servers; buyers: Buyer[] },
): FaultySales {
  const attempt = async (activityId: string, buyer: Buyer) => {
    try {
      return await api.call<Bought>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
        token: buyer.accessToken,
        body: { quantity: 1 },
        headers: { 'idempotency-key': `${activityId}-${buyer.id}` },
      });
    } catch {
      return undefined;
    }
  };

  /** A sale that is being rebuilt tells everybody to come back. */
  const askAgain = (activityId: string, buyer: Buyer) =>
    buyAtLast({ activityId, accepted: new Map(), triedAgain: 0, slowestMs: 0, longestPauseMs: 0 }, buyer);

  /** Undefined where it was refused for good. */
  async function buyAtLast(sale: FaultySale, buyer: Buyer): Promise<Accepted | undefined> {
    for (;;) {
      const since = performance.now();
      const answer = await attempt(sale.activityId, buyer);
      sale.slowestMs = Math.max(sale.slowestMs, performance.now() - since);
      if (answer?.status === 202)
        return { reservationId: answer.data.reservation_id, orderNo: answer.data.order_no };
      if (answer && answer.status < 429 && answer.code !== paused) return undefined;
      sale.triedAgain += 1;
      await wait(100);
    }
  }

  async function sell(title: string, { tickets, faults }: { tickets: number; faults: Fault[] }) {
    const plan = { title, total: tickets, perUserLimit: 1, paymentTimeoutSeconds: 3_600 };
    const { id: activityId } = await openActivity(api, adminToken, plan);
    const sale: FaultySale = {
      activityId,
      accepted: new Map(),
      triedAgain: 0,
      slowestMs: 0,
      longestPauseMs: 0,
    };
    const injected: Promise<unknown>[] = [];
    let held: Promise<unknown> = Promise.resolve();
    let acceptedAt: number | undefined;

    function note(): void {
      const now = performance.now();
      sale.longestPauseMs = Math.max(sale.longestPauseMs, now - (acceptedAt ?? now));
      acceptedAt = now;
      for (const { after, holding, inject } of faults) {
        if (after !== sale.accepted.size) continue;
        const done = inject(sale);
        injected.push(done);
        if (holding) held = done;
      }
    }

    await inParallel(buyers, lanes, async (buyer) => {
      await held;
      const accepted = await buyAtLast(sale, buyer);
      if (!accepted) return;
      sale.accepted.set(buyer, accepted);
      note();
    });
    await Promise.all(injected);
    return sale;
  }

  async function outcome({ activityId, accepted }: FaultySale) {
    const scope = { servers, namespace: fleet.namespace, activityId };
    if (!(await waitUntilSettled({ ...scope, limitMs: 20_000, unpaidMayRemain: true })))
      throw new Error('something of the sale is still on its way');
    const history = { accepted: [...accepted.values()], paidOrders: [] };
    let facts = await readFacts(scope);
    const broken = () => {
      const orderCreated = [...new Set(facts.events.orderCreated)];
      const verdicts = judge({ ...facts, events: { ...facts.events, orderCreated } }, history);
      return verdicts.filter(({ holds }) => !holds);
    };
    // What the reconciler has found it repairs with its next round.
    await until(async () => {
      if (broken().length === 0) return true;
      facts = await readFacts(scope);
      return false;
    }, 15_000);
    return { facts, broken: broken() };
  }

  async function changedAnswers({ activityId, accepted }: FaultySale) {
    const changed: Buyer[] = [];
    await inParallel([...accepted], lanes, async ([buyer, first]) => {
      const again = await askAgain(activityId, buyer);
      if (again?.reservationId !== first.reservationId || again.orderNo !== first.orderNo)
        changed.push(buyer);
    });
    return changed;
  }

  return {
    sell,
    outcome,
    changedAnswers,
    reservation: (buyer, id) =>
      api.must(`GET /api/v1/seckill/reservations/${id}`, { token: buyer.accessToken }),
  };
}
