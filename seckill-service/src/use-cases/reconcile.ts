import { setTimeout as wait } from 'node:timers/promises';
import type { Activity } from '../domain/activity';
import { measureStock, type Measurement, type MeasureStock } from './measure-stock';
import { rebuildSale, type RebuildSale } from './rebuild-sale';
import { repairRecords, republish, settleReturns, type RepairRecords } from './repair-records';

export type Reconcile = MeasureStock &
  RebuildSale &
  RepairRecords & {
    /** A reservation that has no order after this long is announced again. */
    republishAfterSeconds: number;
  };

/** How far a reconciliation has come with one activity, from one round to the next. */
export interface Course {
  /** The buyer whose records were compared last. */
  buyer: string;
  republishing: { afterId: string; notBefore: number };
  /** The relay waits while a sale is looked at, the longer the more waits in its stream: when it may be looked at again. */
  restUntil: number;
  /** When it was looked at last. */
  lookedAt: number;
  /** When the rows of the ledger may be counted again. */
  countAt: number;
  /** Whether the last round found that the ledger and Redis differ. */
  hadDifference: boolean;
}

export const newCourse = (): Course => ({
  buyer: '0',
  republishing: { afterId: '0', notBefore: 0 },
  restUntil: 0,
  lookedAt: performance.now(),
  countAt: 0,
  hadDifference: false,
});

/** Compared in one round: a sale of ten thousand is through in two. */
const pagesPerRound = 5;
/** Counting the rows of the ledger takes MySQL at most this part of the time. */
const countingShare = 1 / 50;
/** Looking at a sale takes this part of the time at most. */
const lookingShare = 1 / 20;
/** Of a stream with more entries than the relay reads at once a look reads all, in the time that they need to be written down. */
const entriesOfCrowd = 200;
/** Even a crowded sale is looked at after this long. */
const longestUnlookedMs = 60_000;
/** A difference that is still there after this long is one. */
const confirmMs = 300;

/** One round for one activity: measure, repair what is wrong, compare some of the records. Its work does not grow with the number of buyers. */
export async function reconcile(deps: Reconcile, activity: Activity, course: Course): Promise<Measurement> {
  await settleReturns(deps);
  const first = await measure(deps, activity.id, course);
  const measured = await balance(deps, first);
  tellDifference(deps, { first, measured, course });
  for (let page = 0; page < pagesPerRound; page += 1) {
    const buyer = await repairRecords(deps, measured.activity, course.buyer);
    course.buyer = buyer ?? '0';
    if (buyer === undefined) break;
  }
  await announceAgain(deps, measured, course);
  return measured;
}

/** The same on a schedule: undefined while the sale rests from the last time, or is in the middle of a crowd. */
export async function reconcileInTurn(
  deps: Reconcile,
  activity: Activity,
  course: Course,
): Promise<Measurement | undefined> {
  const began = performance.now();
  if (began < course.restUntil) return undefined;
  const isCrowded = (await deps.sales.waitingInStream(activity.id)) > entriesOfCrowd;
  if (isCrowded && began < course.lookedAt + longestUnlookedMs) return undefined;
  const measured = await reconcile(deps, activity, course);
  const ended = performance.now();
  course.restUntil = began + (ended - began) / lookingShare;
  course.lookedAt = ended;
  return measured;
}

/** All of it at once, as an administrator asks for it: every record, every row. */
export async function reconcileAll(deps: Reconcile, activityId: string): Promise<Measurement> {
  await settleReturns(deps);
  const first = await measureStock(deps, activityId, { countRows: true });
  // What is drained is over: nobody buys there, and Redis may have forgotten its buyers.
  if (first.activity.drainedAt) return first;
  const measured = await balance(deps, first);
  await repairAllRecords(deps, measured.activity);
  const before = new Date(Date.now() - deps.republishAfterSeconds * 1_000);
  for (let afterId: string | undefined = '0'; afterId !== undefined;)
    afterId = await republish(deps, measured.activity, { before, afterId });
  return measureStock(deps, activityId, { countRows: true });
}

const isBalanced = ({ equation }: Measurement): boolean => equation?.difference === 0;

async function measure(deps: Reconcile, activityId: string, course: Course): Promise<Measurement> {
  const since = Date.now();
  const countRows = since >= course.countAt;
  const measured = await measureStock(deps, activityId, { countRows });
  if (countRows) course.countAt = Date.now() + (Date.now() - since) / countingShare;
  return measured;
}

/**
 * Repairs what is wrong, if anything is, and measures again. A sale that Redis lost is rebuilt at once. A difference may be a release that Redis was never told of, so the records are compared first; one that
 * is still there is nothing that is on its way, and what is for sale is counted anew.
 */
export async function balance(
  deps: MeasureStock & RebuildSale & RepairRecords,
  first: Measurement,
): Promise<Measurement> {
  if (isBalanced(first)) return first;
  const { activity, equation } = first;
  if (!equation) {
    await rebuildSale(deps, activity, first.redisEpoch === activity.epoch ? 'damaged' : 'lost');
  } else {
    await repairAllRecords(deps, activity);
    await wait(confirmMs);
    const again = await measureStock(deps, activity.id, { countRows: true });
    if (isBalanced(again)) return again;
    await rebuildSale(deps, again.activity, again.equation ? 'difference' : 'lost');
  }
  return measureStock(deps, activity.id, { countRows: true });
}

async function repairAllRecords(deps: RepairRecords, activity: Activity): Promise<void> {
  for (let buyer: string | undefined = '0'; buyer !== undefined;)
    buyer = await repairRecords(deps, activity, buyer);
}

/** Each is announced again at most once in as long as it may be without an order: consumers may only be slow. */
async function announceAgain(deps: Reconcile, measured: Measurement, course: Course): Promise<void> {
  const { republishing } = course;
  const before = new Date(Date.now() - deps.republishAfterSeconds * 1_000);
  const oldest = measured.ledger?.oldestQueuedAt;
  if (!oldest || oldest >= before || Date.now() < republishing.notBefore) return;
  const afterId = await republish(deps, measured.activity, { before, afterId: republishing.afterId });
  republishing.afterId = afterId ?? '0';
  if (afterId === undefined) republishing.notBefore = Date.now() + deps.republishAfterSeconds * 1_000;
}

function tellDifference(
  { logger }: Reconcile,
  { first, measured, course }: { first: Measurement; measured: Measurement; course: Course },
): void {
  const { activity, equation, ledger } = measured;
  const counted = ledger && ledger.queued + ledger.ordered - activity.sold;
  if (counted)
    logger.error('the ledger counts other units than it has', { activityId: activity.id, counted });
  const isDifferent = !isBalanced(first) || Boolean(counted);
  if (isDifferent && course.hadDifference)
    logger.error('stock difference lasts', {
      activityId: activity.id,
      epoch: activity.epoch,
      found: first.equation?.difference,
      left: equation?.difference,
    });
  course.hadDifference = isDifferent;
}
