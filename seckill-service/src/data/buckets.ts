import { homeOf, type Split } from '../domain/bucket';
import type { ActivityRepository } from './activity-repository';

/** Into how many buckets activities are split. It is written down at the warm-up, and stays so: what is known once is known for good. */
export interface Buckets {
  /** Asks the ledger, until the activity is warmed up. */
  of(activityId: string): Promise<Split>;
  /** The live sale that this user buys in; of an activity that this process has not asked for yet, the activity itself. */
  homeOf(activityId: string, userId: string): string;
}

export function createBuckets({ activities }: { activities: Pick<ActivityRepository, 'find'> }): Buckets {
  const known = new Map<string, Split>();
  return {
    async of(id) {
      const before = known.get(id);
      if (before) return before;
      const activity = await activities.find(id);
      if (!activity?.warmedAt) return { id, buckets: 1 };
      const split = { id, buckets: activity.buckets };
      known.set(id, split);
      return split;
    },
    homeOf(activityId, userId) {
      const split = known.get(activityId);
      return split ? homeOf(split, userId) : activityId;
    },
  };
}
