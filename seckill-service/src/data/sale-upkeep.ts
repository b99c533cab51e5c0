import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import { unitsOf, type KeptPurchase } from '../domain/reservation';
import { recordsFrom, type BuyerRecord } from './buyer-records';
import { saleKey } from './live-sale';

/** A live sale as it was built once: of an activity, or of a bucket. */
export interface LiveEpoch {
  sale: string;
  epoch: number;
}

/** What the stock equation has to know of Redis, all at one moment. */
export interface LiveSnapshot {
  /** Undefined, like the stock, where there is no number. */
  epoch: number | undefined;
  stock: number | undefined;
  /** Undefined while nothing waits in the stream. */
  lastEntryId: string | undefined;
  /** Units of the given releases that are still held. */
  returning: number;
  /** Units that went to other buckets, less those that came from them. */
  moved: number;
}

export interface LiveSigns {
  epoch: number | undefined;
  stock: number | undefined;
  buyers: number;
  /** The last entry that the relay was given; undefined where there is no stream. */
  lastRead: string | undefined;
}

export interface Progress {
  epoch: number;
  /** Undefined while nothing waits in the stream. */
  firstEntryId: string | undefined;
  /** The last entry that the relay was given; undefined where there is no stream. */
  lastRead: string | undefined;
}

export interface Adoption {
  /** They are in this entry of the stream, or before it; undefined where nothing waits in it. Only of those that went into the stream. */
  entryId: string | undefined;
  adopted: KeptPurchase[];
  overLimit: KeptPurchase[];
}

/**
 * What keeps a live sale in Redis and the ledger the same. Nothing here sets a counter, and what is for another epoch changes nothing. An activity of
 * several buckets has several live sales: each is told of what belongs to its buyers.
 */
export interface SaleUpkeep {
  signs(sale: string): Promise<LiveSigns>;
  snapshot(sale: string, releases: { userId: string; reservationId: string }[]): Promise<LiveSnapshot>;
  /** Undefined while there is no live sale, or one that is being rebuilt. */
  progress(sale: string): Promise<Progress | undefined>;
  /** Takes in what an older epoch accepted. Undefined when the live sale is of another epoch than that. */
  adopt(
    live: LiveEpoch,
    purchases: KeptPurchase[],
    options: { intoStream: boolean },
  ): Promise<Adoption | undefined>;
  /** What each of them holds or has held. */
  recordsOf(sale: string, userIds: string[]): Promise<Map<string, BuyerRecord[]>>;
  /** Puts back what is missing in the buyers' records, and says how many were. */
  remember(live: LiveEpoch, purchases: KeptPurchase[]): Promise<number>;
}

const signsScript = loadScript<[string, string, number, string]>(__dirname, 'signs-3.lua');
const snapshotScript = loadScript<[string, string, string, number, number]>(__dirname, 'snapshot-3.lua');
const progressScript = loadScript<[string, string, string]>(__dirname, 'progress-2.lua');
const adoptScript = loadScript<(number | string)[] | null>(__dirname, 'adopt-3.lua');
const rememberScript = loadScript<number>(__dirname, 'remember-2.lua');

export interface SaleUpkeepOptions {
  redis: Redis;
  keys: Keys;
  /** That of the relay. */
  group: string;
  /** Before a live sale adopts purchases: brings it as many free units, as far as other buckets have them. */
  bringUnits?: (live: LiveEpoch, units: number) => Promise<void>;
}

export function createSaleUpkeep(options: SaleUpkeepOptions): SaleUpkeep {
  const { redis, keys, group, bringUnits } = options;
  const allKeysOf = (sale: string) =>
    (['state', 'buyers', 'stream'] as const).map((part) => saleKey(keys, sale, part));

  return {
    async signs(sale) {
      const [epoch, stock, buyers, lastRead] = await signsScript.run(redis, allKeysOf(sale), [group]);
      return { epoch: numberFrom(epoch), stock: numberFrom(stock), buyers, lastRead: lastRead || undefined };
    },
    async snapshot(sale, releases) {
      const pairs = releases.flatMap(({ userId, reservationId }) => [userId, reservationId]);
      const reply = await snapshotScript.run(redis, allKeysOf(sale), pairs);
      const [epoch, stock, lastEntryId, returning, moved] = reply;
      return {
        epoch: numberFrom(epoch),
        stock: numberFrom(stock),
        lastEntryId: lastEntryId || undefined,
        returning,
        moved,
      };
    },
    async progress(sale) {
      const parts = [saleKey(keys, sale, 'state'), saleKey(keys, sale, 'stream')];
      const [text, firstEntryId, lastRead] = await progressScript.run(redis, parts, [group]);
      const epoch = numberFrom(text);
      if (epoch === undefined || epoch < 0) return undefined;
      return { epoch, firstEntryId: firstEntryId || undefined, lastRead: lastRead || undefined };
    },
    async adopt({ sale, epoch }, purchases, { intoStream }) {
      await bringUnits?.({ sale, epoch }, unitsOf(purchases));
      const args = [epoch, intoStream ? 1 : 0, ...purchases.flatMap(argumentsOf)];
      const reply = await adoptScript.run(redis, allKeysOf(sale), args);
      if (!reply) return undefined;
      const [entryId, ...answers] = reply;
      return {
        entryId: entryId ? String(entryId) : undefined,
        adopted: purchases.filter((_, index) => answers[index] === 1),
        overLimit: purchases.filter((_, index) => answers[index] === -6),
      };
    },
    async recordsOf(sale, userIds) {
      if (userIds.length === 0) return new Map();
      const texts = await redis.hmget(saleKey(keys, sale, 'buyers'), ...userIds);
      return new Map(userIds.map((userId, index) => [userId, recordsFrom(texts[index] ?? null)]));
    },
    remember({ sale, epoch }, purchases) {
      const parts = [saleKey(keys, sale, 'state'), saleKey(keys, sale, 'buyers')];
      return rememberScript.run(redis, parts, [epoch, ...purchases.flatMap(argumentsOf)]);
    },
  };
}

/** One purchase as the scripts take it. */
const argumentsOf = (purchase: KeptPurchase): (string | number)[] => [
  purchase.userId,
  purchase.quantity,
  purchase.key,
  purchase.reservationId,
  purchase.orderNo,
];

/** Whole numbers only: where somebody wrote anything else, there is none. */
const numberFrom = (text: string): number | undefined =>
  /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
