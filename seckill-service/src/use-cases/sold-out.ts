import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { activityOf } from '../domain/bucket';
import type { Purchase, SoldOut } from '../domain/purchase';

/** Taken before the script is asked, and handed back with what it said. */
export interface Asked {
  at: number;
  forgotten: number;
}

/**
 * Answers for the script once a sale is sold out, with exactly what it would say. Whoever holds something in the sale is left to the script, for
 * their Idempotency-Key must get its answer again; with no unit left nobody else can come to hold something, so that those who do are known.
 */
export interface SoldOutMemory {
  /** Whether the script would say "sold out" to this purchase; `sale`: the live sale of its buyer. */
  covers(purchase: Purchase, sale?: string): boolean;
  asking(): Asked;
  /** What the script said of the sale; undefined: it may have units, or is not open. */
  learn(sale: string, soldOut: SoldOut | undefined, asked: Asked): void;
  /** Units may be back, of this activity or, unless it is named, of any. */
  forget(activityId?: string): void;
}

interface RememberedSale {
  epoch: string;
  perUserLimit: number;
  buyers: Set<string>;
  /** Milliseconds of the clock: when it was sold out for certain, and when somebody was last let through to look. */
  confirmedAt: number;
  lookedAt: number;
  /** When the buyers were read, and from when on they may be read again. */
  readAt: number;
  readAgainAt: number;
}

export interface SoldOutMemoryOptions {
  readBuyers: (sale: string) => Promise<Set<string>>;
  /** Without a confirmation nothing is remembered longer. */
  ttlMs: number;
  logger: Logger;
  metrics: Metrics;
  /** The most buyers, in all sales together, that are kept in memory. */
  mostBuyers?: number;
  now?: () => number;
}

/** Of the time that something may be remembered: one purchase is let through this often, so that a lost one is no loss. */
const looksPerTtl = 4;
/** Reading all buyers takes Redis' time: a tenth of it at most, however often the last unit comes back and goes. */
const readAgainMs = 250;
const restPerRead = 10;
const unusedMs = 10_000;
const never = Number.NEGATIVE_INFINITY;

export function createSoldOutMemory(options: SoldOutMemoryOptions): SoldOutMemory {
  const { readBuyers, ttlMs, logger, mostBuyers = 200_000, now = () => performance.now() } = options;
  const sales = new Map<string, RememberedSale>();
  const reading = new Set<string>();
  let forgotten = 0;
  const isCertain = ({ confirmedAt }: RememberedSale): boolean => now() - confirmedAt < ttlMs;
  options.metrics.gauge('seckill_sold_out_sales', 'Sales that are answered from memory', [], {
    collect: (gauge) => gauge.set([...sales.values()].filter(isCertain).length),
  });

  function confirm(sale: RememberedSale, { perUserLimit }: SoldOut, { at }: Asked): void {
    sale.perUserLimit = perUserLimit;
    sale.confirmedAt = at;
    sale.lookedAt = at;
  }

  /** Users are only ever added: with as many as there are, in the same epoch, they are the same. */
  const isComplete = ({ epoch, buyers }: RememberedSale, soldOut: SoldOut): boolean =>
    epoch === soldOut.epoch && buyers.size === soldOut.buyers;

  /** What was read counts from the next time on that the script confirms it, since it may have sold something meanwhile. */
  async function read(activityId: string, { epoch, perUserLimit }: SoldOut): Promise<void> {
    reading.add(activityId);
    const began = now();
    try {
      const buyers = await readBuyers(activityId);
      const readAt = now();
      const readAgainAt = readAt + Math.max(readAgainMs, restPerRead * (readAt - began));
      const sale = { epoch, perUserLimit, buyers, confirmedAt: never, lookedAt: never, readAt, readAgainAt };
      sales.set(activityId, sale);
    } catch (error) {
      logger.debug('the buyers of a sale that is sold out were not read', { activityId, error });
    } finally {
      reading.delete(activityId);
    }
  }

  function mayRead(activityId: string, { buyers }: SoldOut): boolean {
    const known = sales.get(activityId);
    if (reading.has(activityId) || (known && now() < known.readAgainAt)) return false;
    let kept = 0;
    for (const [id, sale] of sales) {
      if (now() - Math.max(sale.confirmedAt, sale.readAt) >= unusedMs) sales.delete(id);
      else if (id !== activityId) kept += sale.buyers.size;
    }
    return kept + buyers <= mostBuyers;
  }

  return {
    covers({ activityId, userId, quantity }, id = activityId) {
      const sale = sales.get(id);
      if (!sale || !isCertain(sale)) return false;
      if (quantity > sale.perUserLimit || sale.buyers.has(userId)) return false;
      if (now() - sale.lookedAt < ttlMs / looksPerTtl) return true;
      sale.lookedAt = now();
      return false;
    },
    asking: () => ({ at: now(), forgotten }),
    learn(activityId, soldOut, asked) {
      const sale = sales.get(activityId);
      if (!soldOut) {
        if (sale) sale.confirmedAt = never;
        return;
      }
      // It was asked before it was said that units are back, and may have answered before they were.
      if (asked.forgotten !== forgotten || ttlMs === 0) return;
      if (sale && isComplete(sale, soldOut)) return confirm(sale, soldOut, asked);
      if (sale) sale.confirmedAt = never;
      if (mayRead(activityId, soldOut)) void read(activityId, soldOut);
    },
    forget(activityId) {
      forgotten += 1;
      for (const [id, sale] of sales)
        if (activityId === undefined || activityOf(id) === activityId) sale.confirmedAt = never;
    },
  };
}
