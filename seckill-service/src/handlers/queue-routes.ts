import { route, type Route } from '@onrush/chassis/http-routes';
import { idText } from '@onrush/chassis/http-schemas';
import { noMoreEvents, type EventStreams } from '@onrush/chassis/server-events';
import { z } from 'zod';
import { errors } from '../errors';
import type { Queues } from '../use-cases/follow-queue';
import { enterQueue, findStanding, type OwnStanding, type QueueUp } from '../use-cases/queue-up';

export interface QueueDeps extends QueueUp {
  queues: Queues;
  eventStreams: EventStreams;
}

export const queueTicketHeader = 'x-queue-ticket';

const byId = z.strictObject({ id: idText });
/** A browser's EventSource sends no headers of ours. */
const byTicket = z.strictObject({ ticket: z.string().min(1).max(64).optional() });

const standingView = z.object({
  activity_id: z.string(),
  status: z.enum(['WAITING', 'ADMITTED', 'PAUSED', 'SOLD_OUT', 'CLOSED']),
  position: z.int().nullable(),
  eta_seconds: z.int().nullable(),
  poll_after_seconds: z.int(),
  ticket: z.string(),
});

export const queueRoutes = (deps: QueueDeps): Route[] => [
  route(
    'POST /api/v1/seckill/activities/:id/queue',
    {
      summary: 'Enter the waiting room; again is the same place',
      access: 'user',
      params: byId,
      reply: standingView,
    },
    async ({ params: { id: activityId }, user, header }) =>
      toView(
        activityId,
        await enterQueue(deps, { activityId, userId: user.id }, header(queueTicketHeader) || undefined),
      ),
  ),
  route(
    'GET /api/v1/seckill/activities/:id/queue',
    {
      summary: 'How I stand in the waiting room',
      access: 'user',
      params: byId,
      query: byTicket,
      reply: standingView,
    },
    async ({ params: { id: activityId }, query, user, header }) => {
      const ticket = ticketOf(header(queueTicketHeader), query.ticket);
      return toView(activityId, await findStanding(deps, { activityId, userId: user.id }, ticket));
    },
  ),
  route(
    'GET /api/v1/seckill/activities/:id/queue/events',
    {
      summary: 'The same as server-sent events, until it is my turn',
      access: 'user',
      params: byId,
      query: byTicket,
      reply: standingView,
      bare: 'events',
    },
    async ({ params: { id: activityId }, query, user, header }) => {
      deps.eventStreams.assertRoom();
      const holder = { activityId, userId: user.id };
      const ticket = ticketOf(header(queueTicketHeader), query.ticket);
      const first = await findStanding(deps, holder, ticket);
      if (isOver(first) && header('last-event-id') === first.status) return noMoreEvents;
      return deps.eventStreams.open((stream) => {
        const tell = (standing: OwnStanding): void => {
          stream.send({ id: standing.status, data: toView(activityId, standing) });
          if (isOver(standing)) stream.end();
        };
        tell(first);
        return isOver(first) ? () => undefined : deps.queues.follow(holder, first, tell);
      });
    },
  ),
];

function ticketOf(inHeader: string | undefined, inQuery: string | undefined): string {
  const ticket = inHeader || inQuery;
  if (!ticket) throw errors.queueTicketRefused();
  return ticket;
}

/** Units may come back, and a pause may end: those wait on. */
const isOver = ({ status }: OwnStanding): boolean => status === 'ADMITTED' || status === 'CLOSED';

const toView = (activityId: string, standing: OwnStanding): z.input<typeof standingView> => ({
  activity_id: activityId,
  status: standing.status,
  position: standing.position,
  eta_seconds: standing.etaSeconds,
  poll_after_seconds: standing.pollAfterSeconds,
  ticket: standing.ticket,
});
