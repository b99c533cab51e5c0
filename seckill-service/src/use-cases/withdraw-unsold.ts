import { byItself } from '../domain/operation';
import { controlActivity, type ControlActivity } from './control-activity';
import { measureStock, type MeasureStock } from './measure-stock';
import { balance } from './reconcile';
import type { RebuildSale } from './rebuild-sale';
import { settleReturns, type RepairRecords } from './repair-records';

export type WithdrawUnsold = ControlActivity & MeasureStock & RebuildSale & RepairRecords;

/** A sale is left alone for so long after its last purchase has left Redis: an api process may still hand over what Redis has lost. */
const restMs = 60_000;

/**
 * What a sale that is over has not sold goes back to product-service, by the operation with which an operator takes free units out; units that come
 * back later are found in a later round. Any number of workers may do it.
 */
export async function withdrawUnsold(deps: WithdrawUnsold): Promise<void> {
  await settleReturns(deps);
  const failures: unknown[] = [];
  // One that fails must not keep the others from it.
  for (const { id } of await deps.activities.findUnsold(new Date(Date.now() - restMs)))
    await withdrawFree(deps, id).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, 'some sales that are over keep free units');
}

async function withdrawFree(deps: WithdrawUnsold, activityId: string): Promise<void> {
  const first = await measureStock(deps, activityId, { countRows: true });
  const { activity, equation } = await balance(deps, first);
  // A sale that was rebuilt has its turn when it is drained again. Units that are not free are sold, or about to come back.
  if (!activity.drainedAt || !equation?.free) return;
  await controlActivity(deps, {
    activityId,
    change: { kind: 'STOCK', delta: -equation.free },
    reason: 'the sale is over',
    by: byItself,
    // Between two ends of operations on stock, whoever comes finds the same one.
    idempotencyKey: `unsold-${activity.stockRevision}`,
  });
}
