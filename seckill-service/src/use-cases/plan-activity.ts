import type { Snowflake } from '@onrush/chassis/snowflake';
import { markForRehearsal } from '@onrush/proto';
import type { Products } from '../clients/products';
import type { ActivityRepository } from '../data/activity-repository';
import { planActivity, type Activity, type ActivityPlan } from '../domain/activity';
import { errors } from '../errors';

export interface PlanActivity {
  activities: ActivityRepository;
  products: Products;
  ids: Snowflake;
}

/** `price` is the sale's own price; without it the product's price holds. A rehearsal is one for good: its number says so. */
export type WantedActivity = ActivityPlan & { price: number | null; isRehearsal: boolean };

export async function createActivity(
  deps: PlanActivity,
  { price, isRehearsal, ...plan }: WantedActivity,
): Promise<Activity> {
  const product = await deps.products.find(plan.productId);
  if (!product?.onSale) throw errors.productNotForSale({ meta: { productId: plan.productId } });
  const id = deps.ids.nextId();
  const activity = planActivity(isRehearsal ? markForRehearsal(id) : id, plan, {
    product: { name: product.name, price: price ?? product.price },
    now: new Date(),
  });
  await deps.activities.insert(activity);
  return activity;
}

/** Only before the warm-up, and from the version that was read. */
export async function changePlan(
  { activities }: Pick<PlanActivity, 'activities'>,
  before: Activity,
  { version, plan }: { version: number; plan: Partial<Omit<ActivityPlan, 'productId'>> & { price?: number } },
): Promise<void> {
  const { startsAt, endsAt, waitingRoom } = { ...before, ...plan };
  if (endsAt <= startsAt)
    throw errors.invalidArgument({ fields: [{ field: 'ends_at', message: 'must be after starts_at' }] });
  const whole = waitingRoom ? { ...plan, tokenRequired: true } : plan;
  if (!(await activities.changePlan(before.id, version, whole))) throw errors.versionChanged();
}
