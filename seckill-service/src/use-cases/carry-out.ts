import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { inTransaction } from '@onrush/chassis/mysql';
import { isOfRehearsal } from '@onrush/proto';
import type { Products } from '../clients/products';
import type { ActivityRepository } from '../data/activity-repository';
import { controlledActivity } from '../data/controlled-activity';
import { operationLog } from '../data/operation-log';
import type { SaleControl } from '../data/sale-control';
import type { Activity } from '../domain/activity';
import {
  liveChangeOf,
  type Operation,
  type RefusedBecause,
  type RulesOperation,
  type StockOperation,
} from '../domain/operation';
import { errors } from '../errors';

export interface CarryOut {
  db: DataSource;
  activities: ActivityRepository;
  control: SaleControl;
  products: Pick<Products, 'resizeReservation'>;
  logger: Logger;
  metrics: Metrics;
}

/**
 * Takes the steps of an operation that was written down. Each step may be taken again, after a crash or by two processes at once, and counts
 * once. Returns the operation as it ended; when a step fails, it stays pending, and whoever resumes it begins with the first step again.
 */
export async function carryOut(deps: CarryOut, operation: Operation): Promise<Operation> {
  if (operation.status !== 'PENDING') return operation;
  try {
    if (operation.kind !== 'STOCK') return await changeRules(deps, operation);
    return await (operation.delta > 0 ? addUnits(deps, operation) : withdrawUnits(deps, operation));
  } catch (error) {
    countOperation(deps, operation, 'failed');
    throw error;
  }
}

/** The ledger has had them since the operation was written; a live sale that is not there will be rebuilt with them. */
async function changeRules(deps: CarryOut, operation: RulesOperation): Promise<Operation> {
  await deps.control.apply(operation.activityId, operation.revision, liveChangeOf(operation));
  return finish(deps, operation);
}

/** Reserved first, then in the ledger, then for sale: nobody can buy a unit that is not reserved. */
async function addUnits(deps: CarryOut, operation: StockOperation): Promise<Operation> {
  const activity = await activityOf(deps, operation);
  if (!(await resizeReservation(deps, activity, operation)))
    return refuse(deps, operation, { because: 'STOCK_SHORT', epoch: activity.epoch });
  // A live sale that was rebuilt before this had the old total, and is told like any other.
  if ((await recordTotal(deps, operation)) === 'recorded')
    await deps.control.apply(operation.activityId, operation.revision, liveChangeOf(operation));
  return finish(deps, operation);
}

/** The other way round: out of the sale first, and back to product-service when nobody can buy them any more. */
async function withdrawUnits(deps: CarryOut, operation: StockOperation): Promise<Operation> {
  const { activityId, revision } = operation;
  const activity = await activityOf(deps, operation);
  const { epoch } = activity;
  const isRecorded = activity.stockRevision >= revision;
  const answer = isRecorded
    ? 'applied'
    : await deps.control.apply(activityId, revision, liveChangeOf(operation));
  if (answer === 'not-enough-free')
    return refuse(deps, operation, { because: 'NOT_ENOUGH_FREE_UNITS', epoch });
  if (answer === 'no-live-sale') return refuse(deps, operation, { because: 'NOT_WARMED_UP', epoch });

  const recorded = await recordTotal(deps, operation, epoch);
  if (recorded === 'oversold') {
    // Redis called units free that the ledger has sold: they stay out of the sale.
    deps.logger.error('the ledger has sold units that Redis called free', { activityId, revision });
    return tell(deps, operation);
  }
  if (recorded === 'recorded' && !(await resizeReservation(deps, activity, operation)))
    deps.logger.error('product-service does not hold the units of the activity', { activityId, revision });
  return finish(deps, operation);
}

/** A rehearsal has none: its units are its own. */
const resizeReservation = (
  { products }: CarryOut,
  { id, productId }: Activity,
  { total, revision }: StockOperation,
): Promise<boolean> =>
  isOfRehearsal(id)
    ? Promise.resolve(true)
    : products.resizeReservation({ id, productId }, { quantity: total, revision });

/** The new total in the ledger, once. `epoch`: that of the live sale which has given the units up. */
function recordTotal(
  { db, activities }: CarryOut,
  operation: StockOperation,
  epoch?: number,
): Promise<'recorded' | 'oversold' | 'ended'> {
  return inTransaction(db, async (tx) => {
    const activity = await activities.lock(tx, operation.activityId);
    const current = await operationLog.find(tx, operation.id);
    if (current.status !== 'PENDING') return 'ended';
    if (activity.stockRevision >= operation.revision) return 'recorded';
    if (epoch !== undefined) assertEpoch(activity, epoch);
    if (await controlledActivity.changeTotal(tx, operation)) return 'recorded';
    await operationLog.end(tx, operation.id, 'NOT_ENOUGH_FREE_UNITS');
    await controlledActivity.skipStock(tx, operation);
    return 'oversold';
  });
}

async function refuse(
  deps: CarryOut,
  operation: StockOperation,
  { because, epoch }: { because: RefusedBecause; epoch: number },
): Promise<Operation> {
  const isEnded = await inTransaction(deps.db, async (tx) => {
    const activity = await deps.activities.lock(tx, operation.activityId);
    if (!(await operationLog.end(tx, operation.id, because))) return false;
    assertEpoch(activity, epoch);
    // Somebody else got further than this, before Redis lost what it had answered.
    if (activity.stockRevision >= operation.revision) throw comeBack('it is in the ledger');
    await controlledActivity.skipStock(tx, operation);
    return true;
  });
  return isEnded ? tell(deps, operation) : operationLog.find(deps.db.manager, operation.id);
}

async function finish(deps: CarryOut, operation: Operation): Promise<Operation> {
  const isEnded = await inTransaction(deps.db, (tx) => operationLog.end(tx, operation.id, null));
  return isEnded ? tell(deps, operation) : operationLog.find(deps.db.manager, operation.id);
}

/** A live sale that was rebuilt since Redis was asked, from the old total, does not know what it was asked. */
function assertEpoch(activity: Activity, epoch: number): void {
  if (activity.epoch !== epoch) throw comeBack('the live sale was rebuilt meanwhile');
}

const comeBack = (why: string) => errors.unavailable({ meta: { why }, retryAfterSeconds: 1 });

async function activityOf({ activities }: CarryOut, { activityId }: Operation): Promise<Activity> {
  const activity = await activities.find(activityId);
  if (!activity) throw new Error(`an operation of activity ${activityId}, which the ledger does not know`);
  return activity;
}

/** Once for each operation: by whoever ended it. */
async function tell(deps: CarryOut, { id }: Operation): Promise<Operation> {
  const operation = await operationLog.find(deps.db.manager, id);
  const { activityId, revision, kind, reason, by, refusedBecause } = operation;
  const change =
    operation.kind === 'STOCK' || operation.kind === 'LIMIT' ? liveChangeOf(operation) : undefined;
  const facts = { operationId: id, activityId, revision, kind, value: change?.value, by, reason };
  if (refusedBecause) deps.logger.info('operation refused', { ...facts, refusedBecause });
  else deps.logger.info('operation done', facts);
  countOperation(deps, operation, refusedBecause ? 'refused' : 'done');
  return operation;
}

function countOperation(
  { metrics }: CarryOut,
  { kind }: Operation,
  result: 'done' | 'refused' | 'failed',
): void {
  operationsOf(metrics).inc({ kind, result });
}

export const operationsOf = (metrics: Metrics) =>
  metrics.counter('seckill_operations_total', 'Operations on live sales, and tries that failed', [
    'kind',
    'result',
  ]);
