import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Activity, ControlStatus, LiveSale } from '../domain/activity';
import type { Purchase, PurchaseAnswer, RefusalReason } from '../domain/purchase';
import type { Reservation } from '../domain/reservation';

/** One purchase with the numbers it gets if it is accepted. */
/** … and the id of its valid token; empty without one. */
export interface NumberedPurchase extends Omit<Purchase, 'token'> {
  tokenId: string;
  reservationId: string;
  orderNo: string;
}

/** The live sale in Redis, the doorman: who may have units is decided here; the ledger in MySQL is the judge. */
export interface LiveSales {
  /** One answer a purchase, in order. All of them must be of the same activity. */
  buy(activityId: string, purchases: NumberedPurchase[]): Promise<PurchaseAnswer[]>;
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
  '-8': 'token-refused',
};

const buyScript = loadScript<(number | string)[]>(__dirname, 'buy-3.lua');
const releaseScript = loadScript<number>(__dirname, 'release-2.lua');
const openScript = loadScript<number>(__dirname, 'open-1.lua');

/** `hot` is a connection that never sends a command twice: a batch whose answer was lost must not be decided again. */
export function createLiveSales({ redis, hot, keys }: { redis: Redis; hot: Redis; keys: Keys }): LiveSales {
  // Every key of an activity carries the same hash tag, so that one script may touch them all in a cluster.
  const keyOf = (activityId: string, part: 'state' | 'buyers' | 'stream') =>
    keys.tagged(`a:${activityId}`)(part);

  return {
    async buy(activityId, purchases) {
      const parts = [keyOf(activityId, 'state'), keyOf(activityId, 'buyers'), keyOf(activityId, 'stream')];
      const replies = await buyScript.run(hot, parts, purchases.flatMap(scriptArguments));
      return purchases.map((purchase, index) => toAnswer(purchase, replies[index]));
    },
    async read(activityId) {
      const [status, stock, epoch] = await redis.hmget(
        keyOf(activityId, 'state'),
        'status',
        'stock',
        'epoch',
      );
      if (status == null) return undefined;
      return {
        status: status as ControlStatus,
        remaining: Number(stock),
        epoch: Number(epoch),
      };
    },
    async open(activity, remaining) {
      const { controlStatus, perUserLimit, startsAt, endsAt, epoch, revision, stockRevision } = activity;
      const rules = [controlStatus, remaining, perUserLimit, startsAt.getTime(), endsAt.getTime()];
      const state = [...rules, epoch, revision, stockRevision, activity.tokenRequired ? 1 : 0];
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
      return (await releaseScript.run(redis, parts, [userId, id, restock ? 1 : 0])) === 1;
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
