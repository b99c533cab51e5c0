import { operationLog } from '../data/operation-log';
import { carryOut, type CarryOut } from './carry-out';

/** Carries on what has been pending since before then: whoever began it is dead, or somebody it needed was away. */
export async function resumeOperations(deps: CarryOut, before: Date): Promise<void> {
  for (const operation of await operationLog.findStale(deps.db, before)) {
    const { id: operationId, activityId, kind } = operation;
    // One that cannot be carried out must not keep the others from it.
    await carryOut(deps, operation).catch((error: unknown) =>
      deps.logger.warn('operation not carried out, it comes back', { operationId, activityId, kind, error }),
    );
  }
}
