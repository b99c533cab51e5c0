import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Activity } from '../domain/activity';
import type { KeptPurchase } from '../domain/reservation';
import { recordsFrom, type BuyerRecord } from './buyer-records';

type Epoch = Pick<Activity, 'id' | 'epoch'>;

/** What the stock equation has to know of Redis, all at one moment. */
export interface LiveSnapshot {
  /** Undefined, like the stock, where there is no number. */
  epoch: number | undefined;
  stock: number | undefined;
  /** Undefined while nothing waits in the stream. */
  lastEntryId: string | undefined;
  /** Units of the given releases that are still held. */
  returning: number;
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
  /** When this entry has left the stream, all of them are in the ledger; undefined: they are. Only of those that went into the stream. */
  entryId: string | undefined;
  adopted: KeptPurchase[];
  overLimit: KeptPurchase[];
}

/** What keeps the live sale in Redis and the ledger the same. Nothing here sets a counter, and what is for another epoch changes nothing. */
export interface SaleUpkeep {
  signs(activityId: string): Promise<LiveSigns>;
  snapshot(activityId: string, releases: { userId: string; reservationId: string }[]): Promise<LiveSnapshot>;
  /** Undefined while there is no live sale, or one that is being rebuilt. */
  progress(activityId: string): Promise<Progress | undefined>;
  /** Takes in what an older epoch accepted. Undefined when the live sale is of another epoch than that. */
  adopt(
    activity: Epoch,
    purchases: KeptPurchase[],
    options: { intoStream: boolean },
  ): Promise<Adoption | undefined>;
  /** What each of them holds or has held. */
  recordsOf(activityId: string, userIds: string[]): Promise<Map<string, BuyerRecord[]>>;
  /** Puts back what is missing in the buyers' records, and says how many were. */
  remember(activity: Epoch, purchases: KeptPurchase[]): Promise<number>;
}

const signsScript = loadScript<[string, string, number, string]>(__dirname, 'signs-3.lua');
const snapshotScript = loadScript<[string, string, string, number]>(__dirname, 'snapshot-3.lua');
const progressScript = loadScript<[string, string, string]>(__dirname, 'progress-2.lua');
const adoptScript = loadScript<(number | string)[] | null>(__dirname, 'adopt-3.lua');
const rememberScript = loadScript<number>(__dirname, 'remember-2.lua');

/** `group`: that of the relay. */
export function createSaleUpkeep(options: { redis: Redis; keys: Keys; group: string }): SaleUpkeep {
  const { redis, keys, group } = options;
  const keyOf = (activityId: string, part: string) => keys.tagged(`a:${activityId}`)(part);
  const allKeysOf = (activityId: string) =>
    ['state', 'buyers', 'stream'].map((part) => keyOf(activityId, part));

  return {
    async signs(activityId) {
      const [epoch, stock, buyers, lastRead] = await signsScript.run(redis, allKeysOf(activityId), [group]);
      return { epoch: numberFrom(epoch), stock: numberFrom(stock), buyers, lastRead: lastRead || undefined };
    },
    async snapshot(activityId, releases) {
      const pairs = releases.flatMap(({ userId, reservationId }) => [userId, reservationId]);
      const reply = await snapshotScript.run(redis, allKeysOf(activityId), pairs);
      const [epoch, stock, lastEntryId, returning] = reply;
      return {
        epoch: numberFrom(epoch),
        stock: numberFrom(stock),
        lastEntryId: lastEntryId || undefined,
        returning,
      };
    },
    async progress(activityId) {
      const parts = [keyOf(activityId, 'state'), keyOf(activityId, 'stream')];
      const [text, firstEntryId, lastRead] = await progressScript.run(redis, parts, [group]);
      const epoch = numberFrom(text);
      if (epoch === undefined || epoch < 0) return undefined;
      return { epoch, firstEntryId: firstEntryId || undefined, lastRead: lastRead || undefined };
    },
    async adopt({ id, epoch }, purchases, { intoStream }) {
      const args = [epoch, intoStream ? 1 : 0, ...purchases.flatMap(argumentsOf)];
      const reply = await adoptScript.run(redis, allKeysOf(id), args);
      if (!reply) return undefined;
      const [entryId, ...answers] = reply;
      return {
        entryId: entryId ? String(entryId) : undefined,
        adopted: purchases.filter((_, index) => answers[index] === 1),
        overLimit: purchases.filter((_, index) => answers[index] === -6),
      };
    },
    async recordsOf(activityId, userIds) {
      if (userIds.length === 0) return new Map();
      const texts = await redis.hmget(keyOf(activityId, 'buyers'), ...userIds);
      return new Map(userIds.map((userId, index) => [userId, recordsFrom(texts[index] ?? null)]));
    },
    remember({ id, epoch }, purchases) {
      const parts = [keyOf(id, 'state'), keyOf(id, 'buyers')];
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
