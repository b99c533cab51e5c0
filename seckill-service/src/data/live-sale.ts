import type { Redis } from 'ioredis';
import { failpoint } from '@onrush/chassis/failpoint';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import { inTraceOf, isSampled } from '@onrush/chassis/spans';
import type { ControlStatus, LiveSale } from '../domain/activity';
import { activityOf } from '../domain/bucket';
import type { Purchase, PurchaseAnswer, RefusalReason, SoldOut } from '../domain/purchase';
import type { Reservation } from '../domain/reservation';
import { createAnnounce } from './announcements';
import { recordsFrom, type BuyerRecord } from './buyer-records';

/** One purchase with the numbers it gets if it is accepted, and the id of its valid token; empty without one. */
export interface NumberedPurchase extends Omit<Purchase, 'token'> {
  tokenId: string;
  reservationId: string;
  orderNo: string;
}

/** What one run of the script decided. */
export interface Decision {
  /** One a purchase, in order. */
  answers: PurchaseAnswer[];
  /** Where nobody else can buy either, because the sale is open and has no unit left. */
  soldOut: SoldOut | undefined;
}

/**
 * The live sale in Redis, the doorman: who may have units is decided here; the ledger in MySQL is the judge. `sale` is an activity, or a bucket of one
 * (domain/bucket.ts).
 */
export interface LiveSales {
  /** All of them must be of the same live sale. */
  buy(sale: string, purchases: NumberedPurchase[]): Promise<Decision>;
  read(activityId: string): Promise<LiveSale | undefined>;
  /** False when it had been given back before. */
  release(
    reservation: Pick<Reservation, 'id' | 'activityId' | 'userId'>,
    options: { restock: boolean },
  ): Promise<boolean>;
  reservationsOf(activityId: string, userId: string): Promise<Reservation[]>;
  waitingInStream(activityId: string): Promise<number>;
  streamOf(sale: string): string;
}

/** What one run of the buy script accepted. */
export interface AcceptedBatch {
  sale: string;
  epoch: number;
  /** Of the entry in the stream. */
  entryId: string;
  /** `valuesPerPurchase` values a purchase, as the script takes them. */
  values: (string | number)[];
}

export interface LiveSaleOptions {
  redis: Redis;
  /** A connection that never sends a command twice: a batch whose answer was lost must not be decided again. */
  hot: Redis;
  keys: Keys;
  /** The most purchases of one activity that may wait in its stream; any number unless said. */
  backlogLimit?: number;
  /** Told of each batch, before its buyers are. */
  onAccepted?: (batch: AcceptedBatch) => void;
}

/** User id, quantity, key, reservation id, order number, and the id of its token. */
export const valuesPerPurchase = 6;

const refusals: Record<string, RefusalReason> = {
  '-1': 'not-warmed-up',
  '-2': 'not-started',
  '-3': 'paused',
  '-4': 'ended',
  '-5': 'sold-out',
  '-6': 'over-limit',
  '-7': 'idempotency-key-reused',
  '-8': 'token-refused',
  '-9': 'backlog',
};

const buyScript = loadScript<(number | string)[]>(__dirname, 'buy-3.lua');
const releaseScript = loadScript<number>(__dirname, 'release-2.lua');

/** Every key of a live sale carries the same hash tag, so that one script may touch them all in a cluster. */
export const saleKey = (keys: Keys, sale: string, part: 'state' | 'buyers' | 'stream'): string =>
  keys.tagged(`a:${sale}`)(part);

export function createLiveSales(options: LiveSaleOptions): LiveSales {
  const { redis, hot, keys, backlogLimit = Number.MAX_SAFE_INTEGER, onAccepted } = options;
  const keyOf = (sale: string, part: 'state' | 'buyers' | 'stream') => saleKey(keys, sale, part);
  const announce = createAnnounce({ redis, keys });

  return {
    async buy(sale, purchases) {
      const parts = [keyOf(sale, 'state'), keyOf(sale, 'buyers'), keyOf(sale, 'stream')];
      const values = purchases.flatMap(scriptArguments);
      const traced = purchases.filter(isSampled);
      const traces = traced
        .map(({ reservationId, traceparent }) => `,${reservationId}=${traceparent}`)
        .join('');
      const replies = await inTraceOf(traced[0] ?? {}, () =>
        buyScript.run(hot, parts, [backlogLimit, traces, ...values]),
      );
      failpoint('seckill.purchases-decided');
      const [epoch, entryId, ...soldOut] = replies.slice(purchases.length);
      if (onAccepted && entryId) {
        onAccepted({
          sale,
          epoch: Number(epoch),
          entryId: String(entryId),
          values: values.filter((_, index) => replies[Math.floor(index / valuesPerPurchase)] === 0),
        });
      }
      return {
        answers: purchases.map((purchase, index) => toAnswer(purchase, replies[index])),
        soldOut: toSoldOut(String(epoch), soldOut),
      };
    },
    async read(sale) {
      const [status, stock, epoch, heldUntil] = await redis.hmget(
        keyOf(sale, 'state'),
        'status',
        'stock',
        'epoch',
        'held_until',
      );
      if (status == null) return undefined;
      return {
        status: status as ControlStatus,
        // What is no number is nothing that could be sold; the guard rebuilds it.
        remaining: Math.max(0, Number(stock) || 0),
        epoch: Number(epoch),
        isRebuilding: Number(epoch) < 0 || Number(heldUntil ?? 0) > Date.now(),
      };
    },
    async release({ id, activityId: sale, userId }, { restock }) {
      const parts = [keyOf(sale, 'state'), keyOf(sale, 'buyers')];
      const isReleased = (await releaseScript.run(redis, parts, [userId, id, restock ? 1 : 0])) === 1;
      if (isReleased && restock) announce(sale);
      return isReleased;
    },
    async reservationsOf(sale, userId) {
      const text = await redis.hget(keyOf(sale, 'buyers'), userId);
      return recordsFrom(text).map((record) => toReservation(record, activityOf(sale), userId));
    },
    waitingInStream: (sale) => redis.xlen(keyOf(sale, 'stream')),
    streamOf: (sale) => keyOf(sale, 'stream'),
  };
}

const scriptArguments = (purchase: NumberedPurchase): (string | number)[] => [
  purchase.userId,
  purchase.quantity,
  purchase.idempotencyKey && Buffer.from(purchase.idempotencyKey).toString('base64url'),
  purchase.reservationId,
  purchase.orderNo,
  purchase.tokenId,
];

function toAnswer(purchase: NumberedPurchase, reply: number | string | undefined): PurchaseAnswer {
  if (reply === 0)
    return { accepted: true, reservationId: purchase.reservationId, orderNo: purchase.orderNo };
  const reason = refusals[String(reply)];
  if (reason) return { accepted: false, reason };
  const [reservationId = '', orderNo = ''] = String(reply).split(':');
  return { accepted: true, reservationId, orderNo };
}

const toSoldOut = (epoch: string, [perUserLimit, buyers]: (number | string)[]): SoldOut | undefined =>
  buyers === undefined ? undefined : { epoch, perUserLimit: Number(perUserLimit), buyers: Number(buyers) };

const toReservation = (record: BuyerRecord, activityId: string, userId: string): Reservation => ({
  id: record.reservationId,
  activityId,
  userId,
  orderNo: record.orderNo,
  quantity: record.quantity,
  status: record.holdsUnits ? 'QUEUED' : 'RELEASED',
  reason: null,
  updatedAt: new Date(),
});
