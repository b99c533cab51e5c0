import type { WaitingRoomPlan } from './waiting-room';

export type ActivityStatus = 'NOT_STARTED' | 'OPEN' | 'PAUSED' | 'SOLD_OUT' | 'ENDED';

/** What operators have made of the sale; CLOSED is final. */
export type ControlStatus = 'OPEN' | 'PAUSED' | 'CLOSED';

export interface Activity {
  id: string;
  title: string;
  productId: string;
  productName: string;
  /** In fen. */
  price: number;
  /** Units for sale; `sold` counts those that the ledger holds and has not given back. */
  total: number;
  sold: number;
  perUserLimit: number;
  startsAt: Date;
  endsAt: Date;
  paymentTimeoutSeconds: number;
  /** Only purchases with a purchase token are decided. */
  tokenRequired: boolean;
  /** Null: everybody is let in at once. */
  waitingRoom: WaitingRoomPlan | null;
  /** Into how many live sales it is split (bucket.ts), from its warm-up on. */
  buckets: number;
  /** Counts how often the live sale was built in Redis. Who acts for another epoch than the current one is late, and is refused. */
  epoch: number;
  warmedAt: Date | null;
  /** Set when the sale is over and every accepted purchase has left Redis. */
  drainedAt: Date | null;
  controlStatus: ControlStatus;
  /** Of the operation written last. */
  revision: number;
  /** Of the last operation on stock that has an end, or is in `total`. */
  stockRevision: number;
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

export type ActivityPlan = Pick<
  Activity,
  | 'title'
  | 'productId'
  | 'total'
  | 'perUserLimit'
  | 'startsAt'
  | 'endsAt'
  | 'paymentTimeoutSeconds'
  | 'tokenRequired'
  | 'waitingRoom'
>;

/** What Redis holds of a warmed activity. */
export interface LiveSale {
  status: ControlStatus;
  remaining: number;
  epoch: number;
  /** Nothing is sold until all that was accepted has been counted. */
  isRebuilding: boolean;
}

export function planActivity(
  id: string,
  plan: ActivityPlan,
  { product, now }: { product: { name: string; price: number }; now: Date },
): Activity {
  return {
    ...plan,
    // Without them whoever knows the address of the sale would walk past the room.
    tokenRequired: plan.tokenRequired || plan.waitingRoom !== null,
    id,
    productName: product.name,
    price: product.price,
    sold: 0,
    buckets: 1,
    epoch: 0,
    warmedAt: null,
    drainedAt: null,
    controlStatus: 'OPEN',
    revision: 0,
    stockRevision: 0,
    version: 1,
    createdAt: now,
    updatedAt: now,
  };
}

/** What a buyer is told; an activity that is not warmed up has not started, and one that Redis lost is paused, whatever the clock says. */
export function statusOf(
  activity: Pick<Activity, 'startsAt' | 'endsAt' | 'warmedAt' | 'controlStatus'>,
  live: LiveSale | undefined,
  now: Date,
): ActivityStatus {
  const controlled = live?.status ?? activity.controlStatus;
  if (now >= activity.endsAt || controlled === 'CLOSED') return 'ENDED';
  if (!activity.warmedAt || now < activity.startsAt) return 'NOT_STARTED';
  if (!live || live.isRebuilding || controlled === 'PAUSED') return 'PAUSED';
  return live.remaining > 0 ? 'OPEN' : 'SOLD_OUT';
}

const warmUpMs = 5_000;

/** Who warms a sale up builds it at once; where it is not there later than that, somebody died. */
export const isBeingWarmedUp = ({ epoch, warmedAt }: Activity, now: Date): boolean =>
  epoch === 0 && warmedAt !== null && now.getTime() - warmedAt.getTime() < warmUpMs;

/** A plan in the line of revisions that operations carry on: what was reserved for an older plan gives way to it, and it to every operation. */
export const planRevisionOf = ({ version }: Pick<Activity, 'version'>): number => version - 1;
