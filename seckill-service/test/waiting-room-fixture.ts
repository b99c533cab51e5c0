import { openEventStream, type TestEventStream } from '@onrush/chassis/testing/event-stream';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { createKeys } from '@onrush/chassis/redis';
import type { Config } from '../src/config';
import { startFixture, type Fixture } from './fixture';

export interface StandingAnswer {
  activity_id: string;
  status: string;
  position: number | null;
  eta_seconds: number | null;
  poll_after_seconds: number;
  ticket: string;
}

export interface AdmittedRecord {
  from: number;
  to: number;
  at: number;
  users: string[];
}

export interface WaitingRoomFixture extends Fixture {
  /** A warmed sale with a waiting room that nobody leaves but by `rate`. */
  openRoom(rate: number | 'adaptive', changes?: Record<string, unknown>): Promise<string>;
  /** As if the clock had gone on: the sale starts. */
  startSale(activityId: string): Promise<void>;
  enter(activityId: string, user: number, ticket?: string): ReturnType<typeof ask>;
  look(activityId: string, user: number, ticket: string): ReturnType<typeof ask>;
  follow(
    activityId: string,
    user: number,
    sent?: { ticket?: string; query?: string; lastEventId?: string },
  ): Promise<TestEventStream>;
  admissions(activityId: string): Promise<AdmittedRecord[]>;
  keyOf(activityId: string, part: string): string;
  /** Redis loses all that it has of the sale. */
  lose(activityId: string): Promise<void>;
}

const ask = (fixture: Fixture, at: string, user: number, ticket: string | undefined) =>
  fixture.http.call<StandingAnswer>(at, {
    user: buyer(user),
    ...(ticket !== undefined && { headers: { 'x-queue-ticket': ticket } }),
  });

export const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const later = () => new Date(Date.now() + 7_200_000).toISOString();

export async function startWaitingRoomFixture(
  label: string,
  changes: Partial<Config> = {},
): Promise<WaitingRoomFixture> {
  const fixture = await startFixture(label, changes);
  const { db, redis, tokens, config } = fixture;
  const keys = createKeys(fixture.namespace, 'seckill');
  const keyOf = (activityId: string, part: string) => keys.tagged(`a:${activityId}`)(part);
  const at = (activityId: string) => `/api/v1/seckill/activities/${activityId}/queue`;
  return {
    ...fixture,
    openRoom: (rate, more = {}) =>
      fixture.openActivity({
        waiting_room: { rate, opens_minutes: 120 },
        starts_at: inAnHour(),
        ends_at: later(),
        ...more,
      }),
    async startSale(activityId) {
      const past = new Date(Date.now() - 1_000);
      await db.query('UPDATE activities SET starts_at = ? WHERE id = ?', [past, activityId]);
      await redis.redis.hset(keyOf(activityId, 'state'), 'starts_at', past.getTime());
      await eventually(async () => {
        const at = `GET /api/v1/seckill/activities/${activityId}`;
        const { body } = await fixture.http.call<{ starts_at: string }>(at);
        return body.data.starts_at === past.toISOString();
      });
    },
    enter: (activityId, user, ticket) => ask(fixture, `POST ${at(activityId)}`, user, ticket),
    look: (activityId, user, ticket) => ask(fixture, `GET ${at(activityId)}`, user, ticket),
    follow: (activityId, user, { ticket, query, lastEventId } = {}) =>
      openEventStream({
        port: config.httpPort,
        path: `${at(activityId)}/events${query === undefined ? '' : `?ticket=${query}`}`,
        service: 'seckill-service',
        tokens,
        user: buyer(user),
        headers: {
          ...(ticket !== undefined && { 'x-queue-ticket': ticket }),
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        },
      }),
    async admissions(activityId) {
      const rows = await db.query<{ payload: string }[]>(
        `SELECT payload FROM sale_records WHERE activity_id = ? AND kind = 'ADMITTED' ORDER BY seq`,
        [activityId],
      );
      return rows.map(({ payload }) => JSON.parse(payload) as AdmittedRecord);
    },
    keyOf,
    async lose(activityId) {
      const parts = ['state', 'buyers', 'stream', 'room', 'room-window', 'room-line'];
      await redis.redis.del(...parts.map((part) => keyOf(activityId, part)));
    },
  };
}
