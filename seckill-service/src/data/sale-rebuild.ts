import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Activity } from '../domain/activity';
import type { AcceptedPurchase, KeptPurchase } from '../domain/reservation';
import { createAnnounce } from './announcements';
import { recordsFrom, textOf, type BuyerRecord } from './buyer-records';
import { fieldsOf, purchasesOf } from './stream-entries';

type Epoch = Pick<Activity, 'id' | 'epoch'>;

/**
 * How a live sale is built: closed by a fence, counted, opened. The epoch is the fencing token: of two who rebuild, the later closes out the
 * earlier, whenever that one wakes up.
 */
export interface SaleRebuild {
  /** The newest epoch that Redis has heard of, 0 when it knows none. */
  epochOf(activityId: string): Promise<number>;
  /** From here on nothing is sold. False when a later rebuild has begun. */
  fence(activity: Epoch): Promise<boolean>;
  /** What waits in the stream, oldest first; to the end, or up to and including that entry. */
  readStream(activityId: string, lastEntryId?: string): Promise<AcceptedPurchase[]>;
  appendToStream(activity: Epoch, purchases: KeptPurchase[]): Promise<void>;
  /** All that buyers' records tell, a page at a time. */
  scanBuyers(activityId: string): AsyncIterable<[userId: string, records: BuyerRecord[]][]>;
  /** Written beside the records that are there, until `open` puts them in their place. */
  writeBuyers(activity: Epoch, records: Map<string, BuyerRecord[]>): Promise<void>;
  /**
   * As open, paused or closed as operators have made it, with their operations so far. `waiting`: purchases in the stream that the ledger does not
   * have. False when a later rebuild has begun.
   */
  open(
    activity: Activity,
    options: { stock: number; waiting: number; closedForMs: number },
  ): Promise<boolean>;
}

/** Above it, somebody has written what is no epoch; fence-1.lua has the same limit. */
const highestEpoch = 1_000_000_000;
const entriesPerCommand = 100;
const purchasesPerEntry = 500;
const fieldsPerCommand = 1_000;
/** What a rebuild has written that was never opened goes away by itself. */
const keepUnopenedSeconds = 3_600;

const fenceScript = loadScript<number>(__dirname, 'fence-1.lua');
const openScript = loadScript<number>(__dirname, 'open-3.lua');

export function createSaleRebuild({ redis, keys }: { redis: Redis; keys: Keys }): SaleRebuild {
  const keyOf = (activityId: string, part: string) => keys.tagged(`a:${activityId}`)(part);
  const announce = createAnnounce({ redis, keys });
  const nextBuyersOf = ({ id, epoch }: Epoch) => keyOf(id, `buyers-${epoch}`);

  return {
    async epochOf(activityId) {
      const epoch = Math.abs(Number(await redis.hget(keyOf(activityId, 'state'), 'epoch')));
      return Number.isInteger(epoch) && epoch <= highestEpoch ? epoch : 0;
    },
    fence: async ({ id, epoch }) => (await fenceScript.run(redis, [keyOf(id, 'state')], [epoch])) === 1,
    async readStream(activityId, lastEntryId = '+') {
      const purchases: AcceptedPurchase[] = [];
      for (let from = '-'; ;) {
        const entries = await redis.xrange(
          keyOf(activityId, 'stream'),
          from,
          lastEntryId,
          'COUNT',
          entriesPerCommand,
        );
        for (const [id, flat] of entries) purchases.push(...purchasesOf({ id, fields: toFields(flat) }));
        if (entries.length < entriesPerCommand) return purchases;
        from = `(${entries.at(-1)?.[0]}`;
      }
    },
    async appendToStream({ id, epoch }, purchases) {
      for (let from = 0; from < purchases.length; from += purchasesPerEntry) {
        const batch = purchases.slice(from, from + purchasesPerEntry);
        await redis.xadd(keyOf(id, 'stream'), '*', ...fieldsOf(epoch, batch));
      }
    },
    async *scanBuyers(activityId) {
      let cursor = '0';
      do {
        const [next, flat] = await redis.hscan(
          keyOf(activityId, 'buyers'),
          cursor,
          'COUNT',
          fieldsPerCommand,
        );
        cursor = next;
        yield Object.entries(toFields(flat)).map(([userId, text]) => [userId, recordsFrom(text)]);
      } while (cursor !== '0');
    },
    async writeBuyers(activity, records) {
      const fields = [...records].flatMap(([userId, own]) => (own.length > 0 ? [userId, textOf(own)] : []));
      if (fields.length === 0) return;
      const key = nextBuyersOf(activity);
      for (let from = 0; from < fields.length; from += 2 * fieldsPerCommand)
        await redis.hset(key, ...fields.slice(from, from + 2 * fieldsPerCommand));
      await redis.expire(key, keepUnopenedSeconds);
    },
    async open(activity, { stock, waiting, closedForMs }) {
      const { id, epoch, startsAt, endsAt, perUserLimit, revision, stockRevision, tokenRequired } = activity;
      const parts = [keyOf(id, 'state'), keyOf(id, 'buyers'), nextBuyersOf(activity)];
      const state = {
        status: activity.controlStatus,
        stock,
        backlog: waiting,
        limit: perUserLimit,
        starts_at: startsAt.getTime(),
        token: tokenRequired ? 1 : 0,
        rules_revision: revision,
        stock_revision: stockRevision,
      };
      const args = [epoch, closedForMs, endsAt.getTime(), ...Object.entries(state).flat()];
      const isOpen = (await openScript.run(redis, parts, args)) === 1;
      if (isOpen) announce(id);
      return isOpen;
    },
  };
}

function toFields(flat: string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] ?? ''] = flat[index + 1] ?? '';
  return fields;
}
