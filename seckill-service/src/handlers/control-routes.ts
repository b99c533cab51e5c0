import { route, type Route } from '@onrush/chassis/http-routes';
import { idText, listOf, pageQuery } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import type { Operation } from '../domain/operation';
import { controlActivity, type ControlActivity } from '../use-cases/control-activity';
import { findActivity, type FindActivities } from '../use-cases/find-activities';
import { findOperations } from '../use-cases/find-operations';
import { activityView, toActivityView } from './views';

export type ControlDeps = ControlActivity & FindActivities;

const access = { permission: 'seckill.write' } as const;
const params = z.strictObject({ id: idText });
const reason = z.string().trim().min(1).max(200);
const why = z.strictObject({ reason: reason.optional() });
const mostUnitsAtOnce = 10_000_000;
const stockChange = z.strictObject({
  delta: z
    .int()
    .min(-mostUnitsAtOnce)
    .max(mostUnitsAtOnce)
    .refine((units) => units !== 0, 'must not be 0'),
  reason,
});

const operationView = z.object({
  id: z.string(),
  kind: z.enum(['PAUSE', 'RESUME', 'CLOSE', 'STOCK', 'LIMIT']),
  delta: z.int().nullable(),
  limit: z.int().nullable(),
  reason: z.string().nullable(),
  by: z.string(),
  status: z.enum(['PENDING', 'DONE', 'REFUSED']),
  refused_because: z.string().nullable(),
  created_at: z.string(),
  done_at: z.string().nullable(),
});

export const controlRoutes = (deps: ControlDeps): Route[] => [
  statusRoute(deps, 'POST /api/v1/admin/seckill/activities/:id/pause', 'PAUSE', 'Stop selling for a while'),
  statusRoute(deps, 'POST /api/v1/admin/seckill/activities/:id/resume', 'RESUME', 'Go on selling'),
  statusRoute(deps, 'POST /api/v1/admin/seckill/activities/:id/close', 'CLOSE', 'End the sale for good'),
  route(
    'POST /api/v1/admin/seckill/activities/:id/stock',
    {
      summary: 'Add units to a live sale, or take free ones out of it',
      access,
      params,
      body: stockChange,
      reply: activityView,
      idempotencyKey: 'accepted',
    },
    async ({ params: { id }, body, user, idempotencyKey = '' }) => {
      const change = { kind: 'STOCK', delta: body.delta } as const;
      const wanted = { activityId: id, change, reason: body.reason, by: user.id, idempotencyKey };
      await controlActivity(deps, wanted);
      return toActivityView(await findActivity(deps, id));
    },
  ),
  route(
    'GET /api/v1/admin/seckill/activities/:id/operations',
    {
      summary: 'Who did what to the live sale, newest first',
      access,
      params,
      query: pageQuery,
      reply: listOf(operationView),
    },
    async ({ params: { id }, query: { page, page_size } }) => {
      const { items, total } = await findOperations(deps, id, { page, pageSize: page_size });
      return { items: items.map(toOperationView), page, page_size, total };
    },
  ),
];

const statusRoute = (
  deps: ControlDeps,
  at: `POST /${string}`,
  kind: 'PAUSE' | 'RESUME' | 'CLOSE',
  summary: string,
): Route =>
  route(
    at,
    { summary, access, params, body: why, reply: activityView, idempotencyKey: 'accepted' },
    async ({ params: { id }, body, user, idempotencyKey = '' }) => {
      const wanted = { activityId: id, change: { kind }, reason: body.reason ?? null, by: user.id };
      await controlActivity(deps, { ...wanted, idempotencyKey });
      return toActivityView(await findActivity(deps, id));
    },
  );

const toOperationView = (operation: Operation): z.input<typeof operationView> => ({
  id: operation.id,
  kind: operation.kind,
  delta: operation.kind === 'STOCK' ? operation.delta : null,
  limit: operation.kind === 'LIMIT' ? operation.limit : null,
  reason: operation.reason,
  by: operation.by,
  status: operation.status,
  refused_because: operation.refusedBecause,
  created_at: operation.createdAt.toISOString(),
  done_at: operation.doneAt?.toISOString() ?? null,
});
