import type { AppError, ErrorFacts } from '@onrush/chassis/errors';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { asAppError } from '@onrush/chassis/transient';
import type { Buckets } from '../data/buckets';
import type { Decision, LiveSales, NumberedPurchase } from '../data/live-sale';
import type { PurchaseTokens } from '../domain/purchase-token';
import { isOfOneWorld, type Purchase, type PurchaseAnswer, type RefusalReason } from '../domain/purchase';
import { errors } from '../errors';
import { countPurchases } from './purchase-counts';
import type { SoldOutMemory } from './sold-out';

/** Accepted numbers, or the error that the buyer gets. */
export type BuyOutcome = { reservationId: string; orderNo: string } | AppError;

export interface BuyBatcher {
  /** Calls `done` exactly once. A callback and no promise: this is the path of every buyer at the same second. */
  submit(purchase: Purchase, done: (outcome: BuyOutcome) => void): void;
  buy(purchase: Purchase): Promise<{ reservationId: string; orderNo: string }>;
}

interface Waiting {
  purchase: NumberedPurchase;
  done: (outcome: BuyOutcome) => void;
  /** Milliseconds, as performance.now() has them. */
  since: number;
}

const longestWaitMs = 1_000;
/** A run that has failed after this long has found a Redis that does not answer; one that is away, or takes no writes, says so at once. */
const hangingMs = 500;
/** One for all who are refused from memory: a stack trace for each of them would cost more than the rest of their answer. */
const remembered = errors.soldOut({ meta: { why: 'remembered' } });
const notThere = errors.activityNotFound({ meta: { why: 'a rehearsal, or a synthetic user' } });
/** The relay needs about as long for a good part of a full backlog, once it can go on. */
const backlogRetrySeconds = 2;

interface Queue {
  waiting: Waiting[];
  flushing: boolean;
}

export interface BuyBatcherOptions {
  sales: Pick<LiveSales, 'buy'>;
  buckets: Pick<Buckets, 'homeOf'>;
  soldOut: SoldOutMemory;
  ids: Snowflake;
  purchaseTokens: PurchaseTokens;
  /** Called after purchases were handed over to the stream. */
  onAccepted: () => void;
  batchSize: number;
  queueLimit: number;
  logger: Logger;
  metrics: Metrics;
}

/**
 * Gathers what is waiting, and lets one run of the Lua script decide it: at most one run in flight per live sale, so that the batches
 * grow with the load, and one fsync of Redis pays for all of them.
 */
export function createBuyBatcher(options: BuyBatcherOptions): BuyBatcher {
  const { sales, buckets, soldOut, ids, purchaseTokens, batchSize, queueLimit, logger } = options;
  const queues = new Map<string, Queue>();
  /** Live sales that were seen: where Redis knows one of them no more, it has lost it, and it comes back. */
  const seenLive = new Set<string>();
  let waitingInAll = 0;
  let isRefused = false;
  const counts = countPurchases(options.metrics);
  const batches = options.metrics.counter('seckill_batches_total', 'Runs of the buy script');

  function submit(purchase: Purchase, done: (outcome: BuyOutcome) => void): void {
    counts.requested();
    if (!isOfOneWorld(purchase)) {
      counts.failed('another-world');
      return done(notThere);
    }
    const sale = buckets.homeOf(purchase.activityId, purchase.userId);
    if (soldOut.covers(purchase, sale)) {
      counts.failed('sold-out-remembered');
      return done(remembered);
    }
    if (waitingInAll >= queueLimit) {
      counts.failed('queue-full');
      return done(errors.unavailable({ retryAfterSeconds: 1, meta: { queue: waitingInAll } }));
    }
    let numbered: NumberedPurchase;
    try {
      const { token, ...rest } = purchase;
      const tokenId = (token && purchaseTokens.idOf(token, purchase)) || '';
      numbered = { ...rest, tokenId, reservationId: ids.nextId(), orderNo: ids.nextId() };
    } catch (error) {
      counts.failed('not-numbered');
      return done(asAppError(error, errors));
    }
    const queue = queueOf(sale);
    queue.waiting.push({ purchase: numbered, done, since: performance.now() });
    waitingInAll += 1;
    if (!queue.flushing) {
      queue.flushing = true;
      setImmediate(() => void flush(sale, queue));
    }
  }

  function queueOf(sale: string): Queue {
    let queue = queues.get(sale);
    if (!queue) queues.set(sale, (queue = { waiting: [], flushing: false }));
    return queue;
  }

  async function flush(sale: string, queue: Queue): Promise<void> {
    while (queue.waiting.length > 0) {
      const batch = queue.waiting.splice(0, batchSize);
      const since = performance.now();
      const isDecided = await decide(sale, batch.filter(isInTime));
      waitingInAll -= batch.length;
      if (!isDecided && performance.now() - since >= hangingMs) sendBack(queue);
    }
    queue.flushing = false;
    // Another activity's number costs nobody anything tomorrow.
    queues.delete(sale);
  }

  /** Behind a Redis that hangs, nobody waits longer than for it alone, and no unit goes to somebody who was told to come back. */
  function isInTime({ done, since }: Waiting): boolean {
    if (performance.now() - since < longestWaitMs) return true;
    tooLate(done);
    return false;
  }

  /** Whoever waited for a run that got no answer would wait as long again for the next. */
  function sendBack(queue: Queue): void {
    const sent = queue.waiting.splice(0);
    waitingInAll -= sent.length;
    for (const { done } of sent) tooLate(done);
  }

  function tooLate(done: Waiting['done']): void {
    counts.failed('too-late');
    done(errors.unavailable({ retryAfterSeconds: 1, meta: { why: 'waited too long' } }));
  }

  /** False when it is not known whether the script has run, or it has not. */
  async function decide(sale: string, batch: Waiting[]): Promise<boolean> {
    if (batch.length === 0) return true;
    batches.inc();
    const asked = soldOut.asking();
    let decision: Decision;
    try {
      decision = await sales.buy(
        sale,
        batch.map(({ purchase }) => purchase),
      );
    } catch (cause) {
      refuse(sale, batch, cause);
      return false;
    }
    soldOut.learn(sale, decision.soldOut, asked);
    const outcomes = pausedIfLost(sale, decision.answers);
    let accepted = 0;
    batch.forEach(({ done }, index) => {
      const outcome = outcomes[index];
      if (outcome?.accepted) accepted += 1;
      else counts.failed(outcome?.reason ?? 'unknown');
      done(toOutcome(outcome, sale));
    });
    if (accepted > 0) {
      isRefused = false;
      counts.accepted(accepted);
      options.onAccepted();
    }
    return true;
  }

  function pausedIfLost(sale: string, answers: PurchaseAnswer[]): PurchaseAnswer[] {
    if (answers.some((answer) => answer.accepted || answer.reason !== 'not-warmed-up')) seenLive.add(sale);
    else if (seenLive.has(sale)) return answers.map(() => ({ accepted: false, reason: 'paused' }));
    return answers;
  }

  /** Said once for as long as it lasts: a Redis that takes no writes says so within a millisecond, to every batch. */
  function refuse(sale: string, batch: Waiting[], cause: unknown): void {
    const isRefusal = isRefusedWrite(cause);
    if (!isRefusal || !isRefused)
      logger.error('purchases could not be decided', { sale, purchases: batch.length, error: cause });
    isRefused = isRefusal;
    counts.failed(isRefusal ? 'redis-refused' : 'unknown', batch.length);
    for (const { done } of batch) done(errors.unavailable({ retryAfterSeconds: 1, cause }));
  }

  return {
    submit,
    buy: (purchase) =>
      new Promise((resolve, reject) => {
        submit(purchase, (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
      }),
  };
}

/**
 * Redis takes no writes, so that surely nothing was decided. After any other failure it is unknown whether the script ran; the same
 * Idempotency-Key again finds out without buying twice.
 */
const isRefusedWrite = (error: unknown): boolean =>
  error instanceof Error &&
  /^(OOM|MISCONF|READONLY|NOREPLICAS|LOADING|MASTERDOWN|CLUSTERDOWN)\b/.test(error.message);

function toOutcome(answer: PurchaseAnswer | undefined, sale: string): BuyOutcome {
  if (!answer) return errors.internal({ meta: { sale, why: 'no answer for this purchase' } });
  if (answer.accepted) return { reservationId: answer.reservationId, orderNo: answer.orderNo };
  return refusals[answer.reason]({ meta: { sale } });
}

const refusals: Record<RefusalReason, (facts: ErrorFacts) => AppError> = {
  // Nobody may learn from here whether an unpublished activity exists.
  'not-warmed-up': errors.activityNotFound,
  'not-started': errors.notStarted,
  paused: errors.paused,
  ended: errors.ended,
  'sold-out': errors.soldOut,
  'over-limit': errors.overLimit,
  'idempotency-key-reused': errors.idempotencyKeyReused,
  'token-refused': errors.tokenRefused,
  backlog: (facts) => errors.backlog({ ...facts, retryAfterSeconds: backlogRetrySeconds }),
  undecided: (facts) => errors.unavailable({ ...facts, retryAfterSeconds: 1 }),
};
