import { route, type Route } from '@onrush/chassis/http-routes';
import { idText } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import { findActivity, type FindActivities } from '../use-cases/find-activities';
import { activityView, toActivityView } from './views';

export const rehearsalRoutes = (deps: FindActivities): Route[] => [
  route(
    'GET /api/v1/admin/seckill/activities/:id',
    {
      summary: 'One activity, as it is now; rehearsals, too',
      access: { permission: 'seckill.read' },
      params: z.strictObject({ id: idText }),
      reply: activityView,
    },
    async ({ params }) => toActivityView(await findActivity(deps, params.id)),
  ),
];
