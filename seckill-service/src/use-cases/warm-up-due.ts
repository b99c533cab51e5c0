import type { Activity } from '../domain/activity';
import { warmUp, type WarmUp } from './warm-up';

/** A planned sale that should be warm, and is not. */
export interface NotWarmedUp {
  activity: Activity;
  error: unknown;
}

/**
 * Warms up what starts within `aheadMs`, the most urgent first, and returns what could not be; one that fails must not keep the others from it.
 * There is no lock over it: several workers, and an administrator, may try the same activity at once. The lock on its row lets one of them build the
 * sale, and the epoch is the fencing token: whoever was stopped on the way finds another epoch in MySQL and in Redis, and changes nothing.
 */
export async function warmUpDue(deps: WarmUp, aheadMs: number): Promise<NotWarmedUp[]> {
  const now = new Date();
  const due = await deps.activities.findDue(now, new Date(now.getTime() + aheadMs));
  const left: NotWarmedUp[] = [];
  for (const activity of due)
    await warmUp(deps, activity.id).catch((error: unknown) => left.push({ activity, error }));
  return left;
}
