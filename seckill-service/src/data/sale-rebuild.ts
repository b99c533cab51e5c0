import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Activity } from '../domain/activity';
import { byHome, deal, salesOf, type Split } from '../domain/bucket';
import type { AcceptedPurchase, KeptPurchase } from '../domain/reservation';
import { createAnnounce } from './announcements';
import { recordsFrom, textOf, type BuyerRecord } from './buyer-records';
import { saleKey } from './live-sale';
import { fieldsOf, purchasesOf } from './stream-entries';

type Epoch = Split & Pick<Activity, 'epoch'>;

/**
 * How a live sale is built: closed by a fence, counted, opened. The epoch is the fencing token: of two who rebuild, the later closes out the
 * earlier, whenever that one wakes up. The buckets of an activity are closed, counted and opened together, in one epoch.
 */
export interface SaleRebuild {
  /** The newest epoch that Redis has heard of, 0 when it knows none. */
  epochOf(activity: Split): Promise<number>;
  /** From here on nothing is sold. False when a later rebuild has begun. */
  fence(activity: Epoch): Promise<boolean>;
  /** What waits in the stream of a live sale, oldest first; to the end, or up to and including that entry. */
  readStream(sale: string, lastEntryId?: string): Promise<AcceptedPurchase[]>;
  appendToStream(activity: Epoch, purchases: KeptPurchase[]): Promise<void>;
  /** All that buyers' records tell, a page at a time. */
  scanBuyers(activity: Split): AsyncIterable<[userId: string, records: BuyerRecord[]][]>;
  /** Written beside the records that are there, until `open` puts them in their place. */
  writeBuyers(activity: Epoch, records: Map<string, BuyerRecord[]>): Promise<void>;
  /**
   * As open, paused or closed as operators have made it, with their operations so far. `waiting`: purchases in the streams that the ledger does not
   * have. False when a later rebuild has begun.
   */
  open(
    activity: Activity,
    options: { stock: number; waiting: KeptPurchase[]; closedForMs: number },
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
  const announce = createAnnounce({ redis, keys });
  const stateOf = (sale: string) => saleKey(keys, sale, 'state');
  const nextBuyersOf = (sale: string, epoch: number) => keys.tagged(`a:${sale}`)(`buyers-${epoch}`);

  async function openSale(sale: string, activity: Activity, { stock, waiting, closedForMs }: Opening) {
    const { epoch, startsAt, endsAt, perUserLimit, revision, stockRevision, tokenRequired } = activity;
    const parts = [stateOf(sale), saleKey(keys, sale, 'buyers'), nextBuyersOf(sale, epoch)];
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
    return (await openScript.run(redis, parts, args)) === 1;
  }

  return {
    async epochOf(activity) {
      const found = await Promise.all(salesOf(activity).map((sale) => redis.hget(stateOf(sale), 'epoch')));
      const epochs = found.map((epoch) => Math.abs(Number(epoch)));
      return Math.max(0, ...epochs.filter((epoch) => Number.isInteger(epoch) && epoch <= highestEpoch));
    },
    async fence(activity) {
      for (const sale of salesOf(activity))
        if ((await fenceScript.run(redis, [stateOf(sale)], [activity.epoch])) !== 1) return false;
      return true;
    },
    async readStream(sale, lastEntryId = '+') {
      const purchases: AcceptedPurchase[] = [];
      for (let from = '-'; ;) {
        const entries = await redis.xrange(
          saleKey(keys, sale, 'stream'),
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
    async appendToStream(activity, purchases) {
      for (const [sale, own] of byHome(activity, purchases, ({ userId }) => userId))
        for (let from = 0; from < own.length; from += purchasesPerEntry) {
          const batch = own.slice(from, from + purchasesPerEntry);
          await redis.xadd(saleKey(keys, sale, 'stream'), '*', ...fieldsOf(activity.epoch, batch));
        }
    },
    async *scanBuyers(activity) {
      for (const sale of salesOf(activity)) {
        const key = saleKey(keys, sale, 'buyers');
        let cursor = '0';
        do {
          const [next, flat] = await redis.hscan(key, cursor, 'COUNT', fieldsPerCommand);
          cursor = next;
          yield Object.entries(toFields(flat)).map(([userId, text]) => [userId, recordsFrom(text)]);
        } while (cursor !== '0');
      }
    },
    async writeBuyers(activity, records) {
      const written = [...records].filter(([, own]) => own.length > 0);
      for (const [sale, own] of byHome(activity, written, ([userId]) => userId)) {
        const fields = own.flatMap(([userId, held]) => [userId, textOf(held)]);
        const key = nextBuyersOf(sale, activity.epoch);
        for (let from = 0; from < fields.length; from += 2 * fieldsPerCommand)
          await redis.hset(key, ...fields.slice(from, from + 2 * fieldsPerCommand));
        await redis.expire(key, keepUnopenedSeconds);
      }
    },
    async open(activity, { stock, waiting, closedForMs }) {
      const sales = salesOf(activity);
      const dealt = deal(stock, sales.length);
      const waitingOf = byHome(activity, waiting, ({ userId }) => userId);
      for (const [bucket, sale] of sales.entries()) {
        const opening = { stock: dealt[bucket] ?? 0, waiting: waitingOf.get(sale)?.length ?? 0, closedForMs };
        if (!(await openSale(sale, activity, opening))) return false;
      }
      announce(activity.id);
      return true;
    },
  };
}

interface Opening {
  stock: number;
  waiting: number;
  closedForMs: number;
}

function toFields(flat: string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] ?? ''] = flat[index + 1] ?? '';
  return fields;
}
