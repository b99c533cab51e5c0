import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Activity, LiveSale } from '../domain/activity';
import type { Purchase, PurchaseAnswer, RefusalReason, SoldOut } from '../domain/purchase';
import type { Reservation } from '../domain/reservation';

/** One purchase with the numbers it gets if it is accepted. */
export interface NumberedPurchase extends Purchase {
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

/** The live sale in Redis, the doorman: who may have units is decided here; the ledger in MySQL is the judge. */
export interface LiveSales {
  /** All of them must be of the same activity. */
  buy(activityId: string, purchases: NumberedPurchase[]): Promise<Decision>;
  /**
   * Call it after every change of a live sale that buyers must notice at once: units came back, or its state changed. Every process that
   * answers buyers then forgets what it remembered of the activity.
   */
  announce(activityId: string): void;
  read(activityId: string): Promise<LiveSale | undefined>;
  /** False when a live sale was there already. */
  open(activity: Activity, remaining: number): Promise<boolean>;
  /** Puts back all that the ledger knows, before a lost sale is opened again. */
  restoreBuyers(activityId: string, reservations: Reservation[]): Promise<void>;
  /** False when it had been given back before. */
  release(
    reservation: Pick<Reservation, 'id' | 'activityId' | 'userId'>,
    options: { restock: boolean },
  ): Promise<boolean>;
  reservationsOf(activityId: string, userId: string): Promise<Reservation[]>;
  waitingInStream(activityId: string): Promise<number>;
  streamOf(activityId: string): string;
}

/** Names and values of a hash in one command. */
const fieldsPerCommand = 2_000;

const refusals: Record<string, RefusalReason> = {
  '-1': 'not-warmed-up',
  '-2': 'not-started',
  '-3': 'paused',
  '-4': 'ended',
  '-5': 'sold-out',
  '-6': 'over-limit',
  '-7': 'idempotency-key-reused',
  '-8': 'backlog',
};

const buyScript = loadScript<(number | string)[]>(__dirname, 'buy-3.lua');
const releaseScript = loadScript<number>(__dirname, 'release-2.lua');
const openScript = loadScript<number>(__dirname, 'open-1.lua');

/** Every key of an activity carries the same hash tag, so that one script may touch them all in a cluster. */
export const saleKey = (keys: Keys, activityId: string, part: 'state' | 'buyers' | 'stream'): string =>
  keys.tagged(`a:${activityId}`)(part);

/** Where the ids of the activities are told that were announced. */
export const announcements = (keys: Keys): string => keys('announcements');

export interface LiveSalesOptions {
  redis: Redis;
  /** A connection that never sends a command twice: a batch whose answer was lost must not be decided again. */
  hot: Redis;
  keys: Keys;
  /** The most purchases of one activity that may wait in its stream; any number unless said. */
  backlogLimit?: number;
}

export function createLiveSales(options: LiveSalesOptions): LiveSales {
  const { redis, hot, keys, backlogLimit = Number.MAX_SAFE_INTEGER } = options;
  const keyOf = (activityId: string, part: 'state' | 'buyers' | 'stream') => saleKey(keys, activityId, part);

  /** Whoever does not hear of it finds out by asking Redis, a second later. */
  const announce = (activityId: string): void =>
    void redis.publish(announcements(keys), activityId).catch(() => undefined);

  return {
    async buy(activityId, purchases) {
      const parts = [keyOf(activityId, 'state'), keyOf(activityId, 'buyers'), keyOf(activityId, 'stream')];
      const wanted = [backlogLimit, ...purchases.flatMap(scriptArguments)];
      const replies = await buyScript.run(hot, parts, wanted);
      return {
        answers: purchases.map((purchase, index) => toAnswer(purchase, replies[index])),
        soldOut: toSoldOut(replies.slice(purchases.length)),
      };
    },
    announce,
    async read(activityId) {
      const [status, stock, epoch] = await redis.hmget(
        keyOf(activityId, 'state'),
        'status',
        'stock',
        'epoch',
      );
      if (status == null) return undefined;
      return {
        status: status === 'OPEN' ? 'OPEN' : 'PAUSED',
        remaining: Number(stock),
        epoch: Number(epoch),
      };
    },
    async open(activity, remaining) {
      const { perUserLimit, startsAt, endsAt, epoch } = activity;
      const state = ['OPEN', remaining, perUserLimit, startsAt.getTime(), endsAt.getTime(), epoch];
      return (await openScript.run(redis, [keyOf(activity.id, 'state')], state)) === 1;
    },
    async restoreBuyers(activityId, reservations) {
      const records = Map.groupBy(reservations, (reservation) => reservation.userId);
      const fields = [...records].flatMap(([userId, own]) => [userId, own.map(toRecord).join(',')]);
      for (let from = 0; from < fields.length; from += fieldsPerCommand)
        await redis.hset(keyOf(activityId, 'buyers'), ...fields.slice(from, from + fieldsPerCommand));
    },
    async release({ id, activityId, userId }, { restock }) {
      const parts = [keyOf(activityId, 'state'), keyOf(activityId, 'buyers')];
      const isReleased = (await releaseScript.run(redis, parts, [userId, id, restock ? 1 : 0])) === 1;
      if (isReleased && restock) announce(activityId);
      return isReleased;
    },
    async reservationsOf(activityId, userId) {
      const text = await redis.hget(keyOf(activityId, 'buyers'), userId);
      return (text ?? '')
        .split(',')
        .filter(Boolean)
        .map((record) => fromRecord(record, activityId, userId));
    },
    waitingInStream: (activityId) => redis.xlen(keyOf(activityId, 'stream')),
    streamOf: (activityId) => keyOf(activityId, 'stream'),
  };
}

const scriptArguments = (purchase: NumberedPurchase): (string | number)[] => [
  purchase.userId,
  purchase.quantity,
  purchase.idempotencyKey && Buffer.from(purchase.idempotencyKey).toString('base64url'),
  purchase.reservationId,
  purchase.orderNo,
];

function toAnswer(purchase: NumberedPurchase, reply: number | string | undefined): PurchaseAnswer {
  if (reply === 0)
    return { accepted: true, reservationId: purchase.reservationId, orderNo: purchase.orderNo };
  const reason = refusals[String(reply)];
  if (reason) return { accepted: false, reason };
  const [reservationId = '', orderNo = ''] = String(reply).split(':');
  return { accepted: true, reservationId, orderNo };
}

const toSoldOut = ([epoch, perUserLimit, buyers]: (number | string)[]): SoldOut | undefined =>
  epoch === undefined
    ? undefined
    : { epoch: String(epoch), perUserLimit: Number(perUserLimit), buyers: Number(buyers) };

/** The form of one record is written at the top of buy-3.lua; the ledger does not know the key any more. */
const toRecord = ({ id, orderNo, quantity }: Reservation): string => `${id}:${orderNo}:${quantity}::L`;

function fromRecord(record: string, activityId: string, userId: string): Reservation {
  const [id = '', orderNo = '', quantity = '0', , mark] = record.split(':');
  return {
    id,
    activityId,
    userId,
    orderNo,
    quantity: Number(quantity),
    status: mark === 'L' ? 'QUEUED' : 'RELEASED',
    reason: null,
    updatedAt: new Date(),
  };
}
