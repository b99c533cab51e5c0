import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import { salesOf, type Split } from '../domain/bucket';
import { onTheWay, type BucketLook, type StockLook } from '../domain/stock-look';
import { saleKey } from './live-sale';

/** Units between the buckets of an activity. Moving them changes nothing of how many there are. */
export interface StockMoves {
  /** Undefined while a bucket is lost or being rebuilt. */
  look(activity: Split): Promise<StockLook | undefined>;
  /** Puts what is on its way where it belongs. Everybody may do so at once. */
  carryOn(look: StockLook): Promise<void>;
  /** Moves free units into a bucket until it has as many, or the others have none; some more, where others have many. */
  bring(look: StockLook, wanted: { sale: string; units: number }): Promise<void>;
  /** Buckets that are closed after a rebuild stay so a little longer: from where one of them gets purchases, there may be more. */
  keepClosed(look: StockLook): Promise<void>;
}

const takeScript = loadScript<number>(__dirname, 'take-1.lua');
const holdScript = loadScript<number>(__dirname, 'hold-1.lua');
const giveScript = loadScript<number>(__dirname, 'give-1.lua');

/** As adopt-3.lua has it. */
const heldLongerMs = 500;

export function createStockMoves({ redis, keys }: { redis: Redis; keys: Keys }): StockMoves {
  const stateOf = (sale: string) => saleKey(keys, sale, 'state');

  async function lookAt(sale: string, buckets: number) {
    const numbers = Array.from({ length: buckets }, (_, bucket) => bucket);
    const [epoch, limit, ...counts] = await redis.hmget(
      stateOf(sale),
      'epoch',
      'limit',
      'stock',
      'came',
      ...numbers.map((bucket) => `out:${bucket}`),
      ...numbers.map((bucket) => `in:${bucket}`),
    );
    const [free = Number.NaN, came = 0, ...moved] = counts.map((count) => Number(count ?? 0));
    const bucket: BucketLook = {
      sale,
      free,
      came,
      sent: moved.slice(0, buckets),
      got: moved.slice(buckets),
    };
    return { epoch, limit, bucket };
  }

  async function carryOn({ epoch, buckets, ...look }: StockLook): Promise<void> {
    for (const { from, to, sent } of onTheWay({ epoch, buckets, ...look })) {
      const receiver = buckets[to];
      if (receiver) await giveScript.run(redis, [stateOf(receiver.sale)], [epoch, from, sent]);
    }
  }

  return {
    async look(activity) {
      const found = await Promise.all(salesOf(activity).map((sale) => lookAt(sale, activity.buckets)));
      const { epoch, limit } = found[0] ?? {};
      const isWhole = found.every((one) => one.epoch === epoch && Number.isInteger(one.bucket.free));
      if (!epoch || !(Number(epoch) > 0) || !isWhole) return undefined;
      return { epoch, perUserLimit: Number(limit), buckets: found.map(({ bucket }) => bucket) };
    },
    carryOn,
    async keepClosed({ epoch, buckets }) {
      await Promise.all(
        buckets.map(({ sale }) => holdScript.run(redis, [stateOf(sale)], [epoch, heldLongerMs])),
      );
    },
    async bring(look, { sale, units }) {
      const { epoch, buckets } = look;
      await carryOn(look);
      const home = buckets.findIndex((bucket) => bucket.sale === sale);
      const free = buckets[home]?.free ?? 0;
      const donors = [...buckets.entries()].filter(([number, bucket]) => number !== home && bucket.free > 0);
      let missing = units - free;
      for (const [number, donor] of donors.sort(([, one], [, other]) => other.free - one.free)) {
        if (missing < 1) return;
        // Evened out, so that not every buyer has to fetch one.
        const most = Math.max(missing, Math.floor((donor.free - free) / 2));
        const sent = await takeScript.run(redis, [stateOf(donor.sale)], [epoch, home, most]);
        if (sent > 0) missing -= await giveScript.run(redis, [stateOf(sale)], [epoch, number, sent]);
      }
    },
  };
}
