import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '@onrush/chassis/logger';
import type { Keys } from '@onrush/chassis/redis';
import type { LiveSale } from '../domain/activity';
import { byHome, homeOf, isBucket, activityOf, salesOf, type Split } from '../domain/bucket';
import type { PurchaseAnswer, RefusalReason, SoldOut } from '../domain/purchase';
import { mostUnitsBetween, unitsIn, type StockLook } from '../domain/stock-look';
import type { Buckets } from './buckets';
import { saleKey, type Decision, type LiveSales, type NumberedPurchase } from './live-sale';
import type { StockMoves } from './stock-moves';

export interface BucketedSales {
  /** Each live sale by itself. */
  sales: LiveSales;
  buckets: Buckets;
  moves: StockMoves;
  /** The connection that purchases are decided on. */
  hot: Redis;
  keys: Keys;
  logger: Logger;
}

/** Purchases that their own bucket has decided. */
interface RefusedHere {
  sale: string;
  purchases: NumberedPurchase[];
  answers: PurchaseAnswer[];
  /** By the clock of performance.now(). */
  until: number;
}

/** After this long a buyer is told to come back: others have taken, again and again, what was fetched for them. */
const longestMs = 800;
const longestPauseMs = 10;
/** A server that hangs costs a second: not every one of those who would need it. */
const restMs = 500;

/**
 * Activities as a whole, whatever number of buckets they have. A purchase is decided in its buyer's bucket; where that has too few units, they are
 * fetched from the others. Nobody is told "sold out" unless there was a moment, after they asked, at which all buckets together, and what was on its
 * way between them, had too few for them.
 */
export function createBucketedSales(options: BucketedSales): LiveSales {
  const { sales, buckets, moves, hot, keys, logger } = options;
  const inTurn = createTurns();
  /** Activities with a bucket that could not be asked, and until when nobody waits for it again. */
  const restingUntil = new Map<string, number>();

  /** A bucket is known to be warmed up: where there is none, Redis has lost it. */
  async function decide(sale: string, purchases: NumberedPurchase[]): Promise<PurchaseAnswer[]> {
    const { answers } = await sales.buy(sale, purchases);
    return answers.map((answer) => (isRefused(answer, 'not-warmed-up') ? paused : answer));
  }

  async function buyInBucket(sale: string, purchases: NumberedPurchase[]): Promise<Decision> {
    const until = performance.now() + longestMs;
    const answers = await decide(sale, purchases);
    if (!answers.some((answer) => isRefused(answer, 'sold-out'))) return { answers, soldOut: undefined };
    const activity = await buckets.of(activityOf(sale));
    if (performance.now() < (restingUntil.get(activity.id) ?? 0))
      return { answers: settled(answers, 'undecided'), soldOut: undefined };
    restingUntil.delete(activity.id);
    // One at a time, so that those of one process do not take from each other what they have fetched.
    return inTurn(activity.id, () => buyElsewhere(activity, { sale, purchases, answers, until })).catch(
      (error: unknown) => {
        restingUntil.set(activity.id, performance.now() + restMs);
        logger.warn('not known whether an activity is sold out', { activityId: activity.id, sale, error });
        return { answers: settled(answers, 'undecided'), soldOut: undefined };
      },
    );
  }

  /** Changes those of the answers that say "sold out". */
  async function buyElsewhere(
    activity: Split,
    { sale, purchases, answers, until }: RefusedHere,
  ): Promise<Decision> {
    for (let earlier: StockLook | undefined; performance.now() < until;) {
      const refused = [...purchases.keys()].filter((index) => isRefused(answers[index], 'sold-out'));
      if (refused.length === 0) return { answers, soldOut: undefined };
      const look = await moves.look(activity);
      if (!look) return { answers: settled(answers, 'paused'), soldOut: undefined };
      const wanted = refused.flatMap((index) => purchases[index] ?? []);
      const most = earlier ? mostUnitsBetween(earlier, look) : Number.POSITIVE_INFINITY;
      if (wanted.every(({ quantity }) => quantity > most))
        return { answers, soldOut: most > 0 ? undefined : await soldOutOf(sale, look) };

      const possible = wanted.filter(({ quantity }) => quantity <= unitsIn(look));
      if (possible.length > 0) {
        const units = possible.reduce((sum, { quantity }) => sum + quantity, 0);
        await moves.bring(look, { sale, units });
        const again = await decide(sale, wanted);
        refused.forEach((index, place) => (answers[index] = again[place] ?? undecided));
        // Somebody else has what was fetched, and perhaps fetches in turn.
        if (earlier) await wait(Math.random() * longestPauseMs);
      }
      earlier = look;
    }
    return { answers: settled(answers, 'undecided'), soldOut: undefined };
  }

  /** Read after the moment at which there was no unit: whoever buys later does so with units that come back, which is announced. */
  const soldOutOf = async (sale: string, { epoch, perUserLimit }: StockLook): Promise<SoldOut> => ({
    epoch,
    perUserLimit,
    buyers: await hot.hlen(saleKey(keys, sale, 'buyers')),
  });

  /** Those who came before this process knew of the buckets. */
  async function buyInBuckets(activity: Split, purchases: NumberedPurchase[]): Promise<Decision> {
    const outcomes = new Map<NumberedPurchase, PurchaseAnswer>();
    const groups = byHome(activity, purchases, ({ userId }) => userId);
    await Promise.all(
      [...groups].map(async ([sale, own]) => {
        const { answers } = await buyInBucket(sale, own).catch(() => ({ answers: [] }));
        own.forEach((purchase, index) => outcomes.set(purchase, answers[index] ?? undecided));
      }),
    );
    return {
      answers: purchases.map((purchase) => outcomes.get(purchase) ?? undecided),
      soldOut: undefined,
    };
  }

  return {
    async buy(sale, purchases) {
      if (isBucket(sale)) return buyInBucket(sale, purchases);
      const decision = await sales.buy(sale, purchases);
      if (!isRefused(decision.answers[0], 'not-warmed-up')) return decision;
      const activity = await buckets.of(sale);
      return activity.buckets === 1 ? decision : buyInBuckets(activity, purchases);
    },
    async read(activityId) {
      const activity = await buckets.of(activityId);
      if (activity.buckets === 1) return sales.read(activityId);
      const [parts, look] = await Promise.all([
        Promise.all(salesOf(activity).map((sale) => sales.read(sale))),
        moves.look(activity),
      ]);
      return asOne(parts, look);
    },
    release: async ({ id, activityId, userId }, how) =>
      sales.release({ id, activityId: homeOf(await buckets.of(activityId), userId), userId }, how),
    reservationsOf: async (activityId, userId) =>
      sales.reservationsOf(homeOf(await buckets.of(activityId), userId), userId),
    async waitingInStream(activityId) {
      const activity = await buckets.of(activityId);
      const waiting = await Promise.all(salesOf(activity).map((sale) => sales.waitingInStream(sale)));
      return waiting.reduce((sum, entries) => sum + entries, 0);
    },
    streamOf: sales.streamOf,
  };
}

const paused: PurchaseAnswer = { accepted: false, reason: 'paused' };
const undecided: PurchaseAnswer = { accepted: false, reason: 'undecided' };

const isRefused = (answer: PurchaseAnswer | undefined, reason: RefusalReason): boolean =>
  answer?.accepted === false && answer.reason === reason;

/** Who was told "sold out" by one bucket, and cannot be told so of all. */
const settled = (answers: PurchaseAnswer[], reason: RefusalReason): PurchaseAnswer[] =>
  answers.map((answer) => (isRefused(answer, 'sold-out') ? { accepted: false, reason } : answer));

/** As long as one bucket sells, the activity does; it is complete when all are. */
function asOne(parts: (LiveSale | undefined)[], look: StockLook | undefined): LiveSale | undefined {
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  const statuses = known.map(({ status }) => status);
  const epoch = Math.min(...known.map((part) => part.epoch));
  const free = known.reduce((sum, { remaining }) => sum + remaining, 0);
  return {
    status: (['OPEN', 'PAUSED'] as const).find((status) => statuses.includes(status)) ?? 'CLOSED',
    remaining: look ? Math.max(0, unitsIn(look)) : free,
    epoch,
    isRebuilding: known.some((part) => part.isRebuilding || part.epoch !== epoch),
  };
}

/** Work on the same thing, one after another. */
function createTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve();
    const own = before.then(work, work);
    last.set(key, own);
    try {
      return await own;
    } finally {
      if (last.get(key) === own) last.delete(key);
    }
  };
}
