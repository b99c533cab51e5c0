import type { EntityManager } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import type { AppError } from '@onrush/chassis/errors';
import { controlledActivity } from '../data/controlled-activity';
import { operationLog } from '../data/operation-log';
import type { Activity } from '../domain/activity';
import {
  isAlreadySo,
  isTooLateFor,
  lineOf,
  mostUnits,
  type Operation,
  type RefusedBecause,
  type WantedChange,
} from '../domain/operation';
import { errors } from '../errors';
import { carryOut, type CarryOut } from './carry-out';

export interface ControlActivity extends CarryOut {
  ids: Snowflake;
}

export interface WantedOperation {
  activityId: string;
  change: WantedChange;
  reason: string | null;
  by: string;
  /** Empty: every request is a new operation. */
  idempotencyKey: string;
}

/**
 * Writes an operation down, then carries it out; where there is nothing to do, neither. When this process dies in between, or somebody it needs
 * is away, the worker carries it out later, and the same Idempotency-Key tells what came of it.
 */
export async function controlActivity(deps: ControlActivity, wanted: WantedOperation): Promise<void> {
  const { activityId } = wanted;
  if (!(await deps.activities.find(activityId))) throw errors.activityNotFound({ meta: { activityId } });
  const written = await inTransaction(deps.db, (tx) => writeDown(deps, tx, wanted));
  if (!written) return;
  const { refusedBecause } = await carryOut(deps, written);
  if (refusedBecause) throw refusals[refusedBecause]({ meta: { activityId, operationId: written.id } });
}

const refusals: Record<RefusedBecause, (facts: { meta: Record<string, unknown> }) => AppError> = {
  NOT_ENOUGH_FREE_UNITS: errors.notEnoughFreeUnits,
  STOCK_SHORT: errors.stockShort,
  NOT_WARMED_UP: errors.notWarmedUp,
};

/** With the row of the activity locked, so that whoever comes at the same moment finds this one pending. */
async function writeDown(
  { activities, ids }: ControlActivity,
  tx: EntityManager,
  { activityId, change, reason, by, idempotencyKey: key }: WantedOperation,
): Promise<Operation | undefined> {
  const activity = await activities.lock(tx, activityId);
  const known = key
    ? await operationLog.findByKey(tx, { activityId, by, kind: change.kind, key })
    : undefined;
  if (known) return sameAs(known, change);

  assertPossible(activity, change);
  const pending = await operationLog.findPending(tx, activityId, lineOf(change.kind));
  if (pending)
    throw errors.operationPending({ meta: { activityId, pending: pending.id }, retryAfterSeconds: 1 });
  if (isAlreadySo(activity, change)) return undefined;

  const operation: Operation = {
    id: ids.nextId(),
    activityId,
    revision: activity.revision + 1,
    reason,
    by,
    status: 'PENDING',
    refusedBecause: null,
    createdAt: new Date(),
    doneAt: null,
    ...(change.kind === 'STOCK' ? { ...change, total: activity.total + change.delta } : change),
  };
  await operationLog.insert(tx, operation, key);
  if (operation.kind === 'STOCK') await controlledActivity.numberStock(tx, operation);
  else await controlledActivity.changeRules(tx, operation);
  return operation;
}

function assertPossible(activity: Activity, change: WantedChange): void {
  const meta = { activityId: activity.id };
  if (!activity.warmedAt) throw errors.notWarmedUp({ meta });
  if (isTooLateFor(activity, change, new Date())) throw errors.ended({ meta });
  if (change.kind === 'LIMIT' && change.version !== activity.version) throw errors.versionChanged({ meta });
  if (change.kind === 'STOCK' && activity.total + change.delta > mostUnits)
    throw errors.invalidArgument({ fields: [{ field: 'delta', message: 'more units than can be counted' }] });
}

function sameAs(known: Operation, change: WantedChange): Operation {
  const isSame =
    change.kind === 'STOCK'
      ? known.kind === 'STOCK' && known.delta === change.delta
      : change.kind !== 'LIMIT' || (known.kind === 'LIMIT' && known.limit === change.limit);
  if (!isSame) throw errors.idempotencyKeyReused({ meta: { operationId: known.id } });
  return known;
}
