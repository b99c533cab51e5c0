import { repairLog } from '../data/repair-log';
import type { Repair } from '../domain/repair';
import { errors } from '../errors';
import { measureStock, type Measurement } from './measure-stock';
import { reconcileAll, type Reconcile } from './reconcile';

export interface Reconciliation extends Measurement {
  /** Newest first. */
  repairs: Repair[];
}

/** How the activity stands, and what was repaired lately. Repairs nothing. */
export async function findReconciliation(deps: Reconcile, activityId: string): Promise<Reconciliation> {
  await assertWarmedUp(deps, activityId);
  return withRepairs(deps, await measureStock(deps, activityId, { countRows: true }));
}

/** Repairs what is wrong now, and says how the activity stands then. */
export async function repairActivity(deps: Reconcile, activityId: string): Promise<Reconciliation> {
  await assertWarmedUp(deps, activityId);
  return withRepairs(deps, await reconcileAll(deps, activityId));
}

async function assertWarmedUp({ activities }: Reconcile, activityId: string): Promise<void> {
  const activity = await activities.find(activityId);
  if (!activity) throw errors.activityNotFound({ meta: { activityId } });
  if (!activity.warmedAt) throw errors.notWarmedUp({ meta: { activityId } });
}

const withRepairs = async (deps: Reconcile, measured: Measurement): Promise<Reconciliation> => ({
  ...measured,
  repairs: await repairLog.latest(deps.db, measured.activity.id),
});
