import { route, type Route } from '@onrush/chassis/http-routes';
import { idText } from '@onrush/chassis/http-schemas';
import { noMoreEvents, type EventStreams } from '@onrush/chassis/server-events';
import { z } from 'zod';
import { isFinal, type Reservation } from '../domain/reservation';
import { findReservation, type FindReservations } from '../use-cases/find-reservations';
import type { Results } from '../use-cases/follow-results';
import { reservationView, toReservationView } from './views';

export interface ResultEventDeps extends FindReservations {
  results: Results;
  eventStreams: EventStreams;
}

/**
 * The present state, then every later one. The id of an event is its status, which a reservation has once at most: a client that comes again with
 * `Last-Event-ID` is not told again what it knows, and is told to stay away where nothing follows.
 */
export const resultEventRoutes = (deps: ResultEventDeps): Route[] => [
  route(
    'GET /api/v1/seckill/reservations/:id/events',
    {
      summary: 'What becomes of one of my reservations, as server-sent events',
      access: 'user',
      params: z.strictObject({ id: idText }),
      reply: reservationView,
      bare: 'events',
    },
    async ({ params, user, header }) => {
      deps.eventStreams.assertRoom();
      const found = await findReservation(deps, params.id, user.id);
      const isKnown = header('last-event-id') === found.status;
      if (isKnown && isFinal(found.status)) return noMoreEvents;
      return deps.eventStreams.open((stream) => {
        const tell = (reservation: Reservation): void => {
          stream.send({ id: reservation.status, data: toReservationView(reservation) });
          if (isFinal(reservation.status)) stream.end();
        };
        if (!isKnown) tell(found);
        return isFinal(found.status) ? () => undefined : deps.results.follow(found, tell);
      });
    },
  ),
];
