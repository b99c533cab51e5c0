import { isOfRehearsal } from '@onrush/proto';
import { z } from 'zod';
import { statusOf } from '../domain/activity';
import type { Reservation } from '../domain/reservation';
import type { ActivityWithSale } from '../use-cases/find-activities';

/** As a plan has it, and as everybody reads it. */
export const waitingRoomForm = z.strictObject({
  rate: z.union([z.int().min(1).max(100_000), z.literal('adaptive')]),
  opens_minutes: z.int().min(0).max(1_440).default(30),
});

const statusName = z.enum(['NOT_STARTED', 'OPEN', 'PAUSED', 'SOLD_OUT', 'ENDED']);

export const activityView = z.object({
  id: z.string(),
  title: z.string(),
  product_id: z.string(),
  product_name: z.string(),
  price: z.int(),
  currency: z.literal('CNY'),
  total: z.int(),
  per_user_limit: z.int(),
  starts_at: z.string(),
  ends_at: z.string(),
  payment_timeout_seconds: z.int(),
  token_required: z.boolean(),
  waiting_room: waitingRoomForm.nullable(),
  rehearsal: z.boolean(),
  status: statusName,
  remaining: z.int(),
  version: z.int(),
  server_time: z.string(),
});

export const activityStatusView = activityView.pick({
  id: true,
  status: true,
  remaining: true,
  starts_at: true,
  ends_at: true,
  server_time: true,
});

export const warmUpView = z.object({
  activity_id: z.string(),
  total: z.int(),
  remaining: z.int(),
  epoch: z.int(),
  warmed_at: z.string(),
});

export const reservationView = z.object({
  id: z.string(),
  activity_id: z.string(),
  order_no: z.string(),
  order_id: z.string().nullable(),
  quantity: z.int(),
  status: z.enum(['QUEUED', 'ORDERED', 'REJECTED', 'RELEASED']),
  reason: z.string().nullable(),
  updated_at: z.string(),
});

export const boughtView = z.object({
  order_no: z.string(),
  reservation_id: z.string(),
  status: z.literal('QUEUED'),
});

export function toActivityView({ activity, live }: ActivityWithSale): z.input<typeof activityView> {
  const now = new Date();
  return {
    id: activity.id,
    title: activity.title,
    product_id: activity.productId,
    product_name: activity.productName,
    price: activity.price,
    currency: 'CNY',
    total: activity.total,
    per_user_limit: activity.perUserLimit,
    starts_at: activity.startsAt.toISOString(),
    ends_at: activity.endsAt.toISOString(),
    payment_timeout_seconds: activity.paymentTimeoutSeconds,
    token_required: activity.tokenRequired,
    waiting_room: activity.waitingRoom && {
      rate: activity.waitingRoom.rate,
      opens_minutes: activity.waitingRoom.opensMinutes,
    },
    rehearsal: isOfRehearsal(activity.id),
    status: statusOf(activity, live, now),
    remaining: live?.remaining ?? activity.total - activity.sold,
    version: activity.version,
    server_time: now.toISOString(),
  };
}

/** The order carries the number that the buyer got, so its id is known as soon as it exists. */
export const toReservationView = (reservation: Reservation): z.input<typeof reservationView> => ({
  id: reservation.id,
  activity_id: reservation.activityId,
  order_no: reservation.orderNo,
  order_id:
    reservation.status === 'ORDERED' || reservation.status === 'RELEASED' ? reservation.orderNo : null,
  quantity: reservation.quantity,
  status: reservation.status,
  reason: reservation.reason,
  updated_at: reservation.updatedAt.toISOString(),
});
