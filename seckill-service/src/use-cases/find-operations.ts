import type { DataSource } from 'typeorm';
import type { ActivityRepository } from '../data/activity-repository';
import { operationLog } from '../data/operation-log';
import type { Operation } from '../domain/operation';
import { errors } from '../errors';

/** The audit trail of an activity, newest first. */
export async function findOperations(
  { db, activities }: { db: DataSource; activities: ActivityRepository },
  activityId: string,
  page: { page: number; pageSize: number },
): Promise<{ items: Operation[]; total: number }> {
  if (!(await activities.find(activityId))) throw errors.activityNotFound({ meta: { activityId } });
  return operationLog.list(db, activityId, page);
}
