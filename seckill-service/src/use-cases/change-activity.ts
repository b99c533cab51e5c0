import type { ActivityPlan } from '../domain/activity';
import { errors } from '../errors';
import { controlActivity, type ControlActivity } from './control-activity';
import { changePlan } from './plan-activity';

export interface ActivityChange {
  activityId: string;
  /** The one that was read. */
  version: number;
  plan: Partial<Omit<ActivityPlan, 'productId'> & { price: number }>;
  by: string;
  idempotencyKey: string;
}

/** Anything until it is warmed up; from then on only how many one person may have, since buyers rely on the rest. */
export async function changeActivity(
  deps: ControlActivity,
  { activityId, version, plan, by, idempotencyKey }: ActivityChange,
): Promise<void> {
  const activity = await deps.activities.find(activityId);
  if (!activity) throw errors.activityNotFound({ meta: { activityId } });
  const { perUserLimit: limit, ...others } = plan;
  if (!activity.warmedAt) return changePlan(deps, activity, { version, plan });
  if (limit === undefined || Object.keys(others).length > 0) throw errors.alreadyWarmedUp();
  const change = { kind: 'LIMIT', limit, version } as const;
  await controlActivity(deps, { activityId, change, reason: null, by, idempotencyKey });
}
