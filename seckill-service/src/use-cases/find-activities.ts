import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import type { Activity, LiveSale } from '../domain/activity';
import { errors } from '../errors';

export interface FindActivities {
  activities: ActivityRepository;
  sales: LiveSales;
}

export interface ActivityWithSale {
  activity: Activity;
  live: LiveSale | undefined;
}

export async function findActivity(
  { activities, sales }: FindActivities,
  id: string,
): Promise<ActivityWithSale> {
  const [activity, live] = await Promise.all([activities.find(id), sales.read(id)]);
  if (!activity) throw errors.activityNotFound({ meta: { id } });
  return { activity, live };
}

export async function listActivities(
  { activities, sales }: FindActivities,
  { page, pageSize }: { page: number; pageSize: number },
): Promise<{ items: ActivityWithSale[]; total: number }> {
  const { items, total } = await activities.list(page, pageSize);
  const withSales = await Promise.all(
    items.map(async (activity) => ({ activity, live: await sales.read(activity.id) })),
  );
  return { items: withSales, total };
}
