import { route, type Route } from '@onrush/chassis/http-routes';
import { idText } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import { findReconciliation, repairActivity, type Reconciliation } from '../use-cases/find-reconciliation';
import type { Reconcile } from '../use-cases/reconcile';

const byId = z.strictObject({ id: idText });

const reconciliationView = z.object({
  activity_id: z.string(),
  /** LOST: Redis has nothing of this epoch that could be counted; what it would tell is null. */
  status: z.enum(['BALANCED', 'DIFFERENT', 'LOST']),
  epoch: z.int(),
  redis_epoch: z.int().nullable(),
  /** total = free + in_stream + queued + ordered + returning, in units. */
  equation: z.object({
    total: z.int(),
    free: z.int().nullable(),
    in_stream: z.int().nullable(),
    queued: z.int(),
    ordered: z.int(),
    returning: z.int().nullable(),
  }),
  differences: z.object({
    /** Above 0: Redis would sell units that are not there. Below 0: units that are there are for sale nowhere. */
    stock: z.int().nullable(),
    /** What the ledger's rows hold, less what its counter says. */
    ledger: z.int(),
    /** Accepted beyond the total: as many are going to be rejected. */
    excess: z.int().nullable(),
  }),
  repairs: z.array(
    z.object({
      kind: z.enum(['rebuilt', 'released', 'remembered', 'handed-over', 'republished']),
      amount: z.int(),
      reason: z.string(),
      epoch: z.int(),
      at: z.string(),
    }),
  ),
  checked_at: z.string(),
});

export const reconciliationRoutes = (deps: Reconcile): Route[] => [
  route(
    'GET /api/v1/admin/seckill/activities/:id/reconciliation',
    {
      summary: 'The stock equation, its differences, and what was repaired',
      access: { permission: 'seckill.read' },
      params: byId,
      reply: reconciliationView,
    },
    async ({ params }) => toView(await findReconciliation(deps, params.id)),
  ),
  route(
    'POST /api/v1/admin/seckill/activities/:id/repair',
    {
      summary: 'Repair what is wrong, now',
      access: { permission: 'seckill.write' },
      params: byId,
      reply: reconciliationView,
    },
    async ({ params }) => toView(await repairActivity(deps, params.id)),
  ),
];

function toView(reconciliation: Reconciliation): z.input<typeof reconciliationView> {
  const { activity, redisEpoch, equation, ledger, repairs, at } = reconciliation;
  const queued = ledger?.queued ?? 0;
  const ordered = ledger?.ordered ?? 0;
  const ledgerDifference = queued + ordered - activity.sold;
  const isBalanced = equation?.difference === 0 && ledgerDifference === 0;
  return {
    activity_id: activity.id,
    status: equation ? (isBalanced ? 'BALANCED' : 'DIFFERENT') : 'LOST',
    epoch: activity.epoch,
    redis_epoch: redisEpoch ?? null,
    equation: {
      total: activity.total,
      free: equation?.free ?? null,
      in_stream: equation?.inStream ?? null,
      queued,
      ordered,
      returning: equation?.returning ?? null,
    },
    differences: {
      stock: equation?.difference ?? null,
      ledger: ledgerDifference,
      excess: equation?.excess ?? null,
    },
    repairs: repairs.map(({ at: repairedAt, ...repair }) => ({ ...repair, at: repairedAt.toISOString() })),
    checked_at: at.toISOString(),
  };
}
