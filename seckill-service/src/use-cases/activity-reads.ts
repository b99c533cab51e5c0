import { createSharedReads } from '@onrush/chassis/shared-reads';
import { isOfRehearsal } from '@onrush/proto';
import { isOfOneWorld } from '../domain/purchase';
import { errors } from '../errors';
import { findActivity, listActivities, type ActivityWithSale, type FindActivities } from './find-activities';

/**
 * What everybody asks again and again before 10:00:00: each activity, and each page of the list, is read a few times a second at most. Rehearsals
 * are in neither: what the public is told is kept by the gateway for all, so that even staff asks for them elsewhere.
 */
export interface ActivityReads {
  find(id: string): Promise<ActivityWithSale>;
  /** As this user may see it: a rehearsal is there for synthetic users, and nothing else for them. */
  findFor(user: { activityId: string; userId: string }): Promise<ActivityWithSale>;
  list(wanted: { page: number; pageSize: number }): Promise<{ items: ActivityWithSale[]; total: number }>;
  /** It was changed: who asks from now on sees it as it is. */
  forget(id: string): void;
}

const ttlMs = 200;
const mostActivities = 1_000;
const mostPages = 200;

const notThere = (id: string) => Promise.reject(errors.activityNotFound({ meta: { id } }));

export function createActivityReads(deps: FindActivities): ActivityReads {
  const activities = createSharedReads({
    read: (id) => findActivity(deps, id),
    ttlMs,
    limit: mostActivities,
  });
  const pages = createSharedReads({
    read: (key) => {
      const [page = 1, pageSize = 1] = key.split(':').map(Number);
      return listActivities(deps, { page, pageSize });
    },
    ttlMs,
    limit: mostPages,
  });
  return {
    find: (id) => (isOfRehearsal(id) ? notThere(id) : activities.get(id)),
    findFor: (user) => (isOfOneWorld(user) ? activities.get(user.activityId) : notThere(user.activityId)),
    list: ({ page, pageSize }) => pages.get(`${page}:${pageSize}`),
    forget(id) {
      activities.forget(id);
      pages.forget();
    },
  };
}
