import { route, type Route } from '@onrush/chassis/http-routes';
import { idText, listOf, pageQuery } from '@onrush/chassis/http-schemas';
import { activeTrace } from '@onrush/chassis/spans';
import { z } from 'zod';
import type { WaitingRoomPlan } from '../domain/waiting-room';
import type { ActivityReads } from '../use-cases/activity-reads';
import type { BuyBatcher } from '../use-cases/buy';
import { changeActivity } from '../use-cases/change-activity';
import { findActivity } from '../use-cases/find-activities';
import { findOwnReservations, findReservation, type FindReservations } from '../use-cases/find-reservations';
import type { IssueToken } from '../use-cases/issue-token';
import { createActivity, type PlanActivity } from '../use-cases/plan-activity';
import type { Reconcile } from '../use-cases/reconcile';
import { warmUp, type WarmUp } from '../use-cases/warm-up';
import { controlRoutes, type ControlDeps } from './control-routes';
import { reconciliationRoutes } from './reconciliation-routes';
import { queueRoutes, type QueueDeps } from './queue-routes';
import { rehearsalRoutes } from './rehearsal-routes';
import { tokenRoutes } from './token-routes';
import {
  activityStatusView,
  activityView,
  boughtView,
  reservationView,
  toActivityView,
  toReservationView,
  waitingRoomForm,
  warmUpView,
} from './views';

export type HttpDeps = PlanActivity &
  WarmUp &
  FindReservations &
  IssueToken &
  QueueDeps &
  ControlDeps &
  Reconcile & { batcher: BuyBatcher; reads: ActivityReads };

const byId = z.strictObject({ id: idText });
const purchase = z.strictObject({
  quantity: z.int().min(1).max(100).default(1),
  token: z.string().max(512).default(''),
});

const fields = {
  title: z.string().trim().min(1).max(200),
  price: z.int().positive().max(10_000_000_000),
  total: z.int().positive().max(10_000_000),
  per_user_limit: z.int().min(1).max(100),
  starts_at: z.iso.datetime(),
  ends_at: z.iso.datetime(),
  payment_timeout_seconds: z.int().min(1).max(86_400),
  token_required: z.boolean(),
  waiting_room: waitingRoomForm.nullable(),
};

const newActivity = z
  .strictObject({
    ...fields,
    product_id: idText,
    price: fields.price.optional(),
    payment_timeout_seconds: fields.payment_timeout_seconds.default(900),
    token_required: fields.token_required.default(false),
    waiting_room: fields.waiting_room.default(null),
    rehearsal: z.boolean().default(false),
  })
  .refine((activity) => new Date(activity.ends_at) > new Date(activity.starts_at), {
    path: ['ends_at'],
    message: 'must be after starts_at',
  });

const activityChange = z.strictObject({ ...z.object(fields).partial().shape, version: z.int().positive() });

export const httpRoutes = (deps: HttpDeps): Route[] => [
  ...publicRoutes(deps),
  ...buyerRoutes(deps),
  ...tokenRoutes(deps),
  ...queueRoutes(deps),
  ...adminRoutes(deps),
  ...rehearsalRoutes(deps),
  ...controlRoutes(deps),
  ...reconciliationRoutes(deps),
];

const publicRoutes = (deps: HttpDeps): Route[] => [
  route(
    'GET /api/v1/seckill/activities',
    { summary: 'Activities, newest first', access: 'public', query: pageQuery, reply: listOf(activityView) },
    async ({ query: { page, page_size } }) => {
      const { items, total } = await deps.reads.list({ page, pageSize: page_size });
      return { items: items.map(toActivityView), page, page_size, total };
    },
  ),
  route(
    'GET /api/v1/seckill/activities/:id',
    { summary: 'One activity', access: 'public', params: byId, reply: activityView },
    async ({ params }) => toActivityView(await deps.reads.find(params.id)),
  ),
  route(
    'GET /api/v1/seckill/activities/:id/status',
    {
      summary: 'Status, remaining units and server time',
      access: 'public',
      params: byId,
      reply: activityStatusView,
    },
    async ({ params }) => activityStatusView.parse(toActivityView(await deps.reads.find(params.id))),
  ),
];

const buyerRoutes = (deps: HttpDeps): Route[] => [
  route(
    'POST /api/v1/seckill/activities/:id/buy',
    {
      summary: 'Buy',
      access: 'user',
      params: byId,
      body: purchase,
      reply: boughtView,
      status: 202,
      idempotencyKey: 'accepted',
    },
    async ({ params, body, user, idempotencyKey = '' }) => {
      const bought = await deps.batcher.buy({
        activityId: params.id,
        userId: user.id,
        quantity: body.quantity,
        idempotencyKey,
        token: body.token,
        ...activeTrace(),
      });
      return { order_no: bought.orderNo, reservation_id: bought.reservationId, status: 'QUEUED' as const };
    },
  ),
  route(
    'GET /api/v1/seckill/activities/:id/reservations',
    {
      summary: 'My reservations in this activity',
      access: 'user',
      params: byId,
      reply: z.object({ items: z.array(reservationView), next_cursor: z.null() }),
    },
    async ({ params, user }) => ({
      items: (await findOwnReservations(deps, params.id, user.id)).map(toReservationView),
      next_cursor: null,
    }),
  ),
  route(
    'GET /api/v1/seckill/reservations/:id',
    { summary: 'One of my reservations', access: 'user', params: byId, reply: reservationView },
    async ({ params, user }) => toReservationView(await findReservation(deps, params.id, user.id)),
  ),
];

const adminRoutes = (deps: HttpDeps): Route[] => [
  route(
    'POST /api/v1/admin/seckill/activities',
    {
      summary: 'Plan an activity',
      access: { permission: 'seckill.write' },
      body: newActivity,
      reply: activityView,
      status: 201,
    },
    async ({ body }) => {
      const activity = await createActivity(deps, {
        title: body.title,
        productId: body.product_id,
        price: body.price ?? null,
        total: body.total,
        perUserLimit: body.per_user_limit,
        startsAt: new Date(body.starts_at),
        endsAt: new Date(body.ends_at),
        paymentTimeoutSeconds: body.payment_timeout_seconds,
        tokenRequired: body.token_required,
        waitingRoom: toWaitingRoom(body.waiting_room),
        isRehearsal: body.rehearsal,
      });
      deps.reads.forget(activity.id);
      return toActivityView({ activity, live: undefined });
    },
  ),
  route(
    'PUT /api/v1/admin/seckill/activities/:id',
    {
      summary: 'Change a planned activity, or the limit of a live one',
      access: { permission: 'seckill.write' },
      params: byId,
      body: activityChange,
      reply: activityView,
      idempotencyKey: 'accepted',
    },
    async ({ params: { id }, body: { version, ...change }, user, idempotencyKey = '' }) => {
      const plan = toChange(change);
      await changeActivity(deps, { activityId: id, version, plan, by: user.id, idempotencyKey });
      deps.reads.forget(id);
      return toActivityView(await findActivity(deps, id));
    },
  ),
  route(
    'POST /api/v1/admin/seckill/warmup/:id',
    {
      summary: 'Open the live sale',
      access: { permission: 'seckill.write' },
      params: byId,
      reply: warmUpView,
    },
    async ({ params }) => {
      const { activity, live } = await warmUp(deps, params.id);
      deps.reads.forget(params.id);
      const warmedAt = activity.warmedAt ?? new Date();
      return {
        activity_id: activity.id,
        total: activity.total,
        remaining: live.remaining,
        epoch: live.epoch,
        warmed_at: warmedAt.toISOString(),
      };
    },
  ),
];

/** The plan in our words; what was not sent is not in it. */
function toChange(body: Omit<z.output<typeof activityChange>, 'version'>) {
  const { per_user_limit, starts_at, ends_at, payment_timeout_seconds, ...others } = body;
  const { token_required, waiting_room, ...same } = others;
  return {
    ...same,
    ...(per_user_limit !== undefined && { perUserLimit: per_user_limit }),
    ...(starts_at !== undefined && { startsAt: new Date(starts_at) }),
    ...(ends_at !== undefined && { endsAt: new Date(ends_at) }),
    ...(payment_timeout_seconds !== undefined && { paymentTimeoutSeconds: payment_timeout_seconds }),
    ...(token_required !== undefined && { tokenRequired: token_required }),
    ...(waiting_room !== undefined && { waitingRoom: toWaitingRoom(waiting_room) }),
  };
}

const toWaitingRoom = (form: z.output<typeof fields.waiting_room>): WaitingRoomPlan | null =>
  form && { rate: form.rate, opensMinutes: form.opens_minutes };
