import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from './api';

export interface PlannedActivity {
  id: string;
  productId: string;
}

/** A product of its own and an activity that sells all of it, warmed up and open. */
export async function openActivity(
  api: Api,
  adminToken: string,
  plan: {
    title: string;
    total: number;
    perUserLimit: number;
    paymentTimeoutSeconds: number;
    durationSeconds?: number;
    /** People per second; without it, everybody is let in at once. */
    waitingRoomRate?: number;
    /** A second ago unless said. */
    startsInSeconds?: number;
  },
): Promise<PlannedActivity> {
  const product = await api.must<{ id: string }>('POST /api/v1/admin/products', {
    token: adminToken,
    body: {
      name: plan.title,
      kind: 'ticket',
      price: 68_000,
      stock: plan.total,
      venue: 'Jade River Arena',
      session_at: '2027-05-01T11:30:00Z',
    },
  });
  const startsAt = new Date(Date.now() + (plan.startsInSeconds ?? -1) * 1_000);
  const activity = await api.must<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    token: adminToken,
    body: {
      title: plan.title,
      product_id: product.id,
      total: plan.total,
      per_user_limit: plan.perUserLimit,
      starts_at: startsAt.toISOString(),
      ends_at: new Date(startsAt.getTime() + (plan.durationSeconds ?? 3_600) * 1_000).toISOString(),
      payment_timeout_seconds: plan.paymentTimeoutSeconds,
      ...(plan.waitingRoomRate && { waiting_room: { rate: plan.waitingRoomRate } }),
    },
  });
  await api.must(`POST /api/v1/admin/seckill/warmup/${activity.id}`, { token: adminToken });
  return { id: activity.id, productId: product.id };
}

export async function remaining(api: Api, activityId: string): Promise<number> {
  const status = await api.must<{ remaining: number }>(`GET /api/v1/seckill/activities/${activityId}/status`);
  return status.remaining;
}

/** Waits until the check says so; false when time is up. */
export async function until(check: () => Promise<boolean>, limitMs: number, everyMs = 200): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (!(await check())) {
    if (Date.now() > end) return false;
    await wait(everyMs);
  }
  return true;
}
