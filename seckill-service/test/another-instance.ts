import { openEventStream, type TestEventStream } from '@onrush/chassis/testing/event-stream';
import {
  createTestHttpClient,
  freePort,
  startTestService,
  type Answer,
  type TestHttpClient,
  type TestService,
} from '@onrush/chassis/testing/service';
import type { User } from '@onrush/chassis/request-context';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import type { Fixture } from './fixture';

export interface Instance extends TestService<Config> {
  http: TestHttpClient;
  events(reservationId: string, user: User, headers?: Record<string, string>): Promise<TestEventStream>;
  /** The value of a counter or gauge with these labels; 0 where there is none. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
}

/** One more process of the fixture's service, on the same data; whoever starts it stops it. */
export async function startAnother(fixture: Fixture, changes: Partial<Config> = {}): Promise<Instance> {
  const config = {
    ...fixture.config,
    httpPort: await freePort(),
    grpcPort: await freePort(),
    ...changes,
  };
  const service = await startTestService(createApp, config);
  const { tokens } = fixture;
  const port = config.httpPort;
  return {
    ...service,
    http: createTestHttpClient({ port, service: 'seckill-service', tokens }),
    events: (reservationId, user, headers = {}) =>
      openEventStream({
        port,
        path: `/api/v1/seckill/reservations/${reservationId}/events`,
        service: 'seckill-service',
        tokens,
        user,
        headers,
      }),
    async metric(name, labels = {}) {
      const values = (await service.metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
      const wanted = Object.entries(labels);
      const found = values.find((value) =>
        wanted.every(([label, text]) => (value.labels as Record<string, unknown>)[label] === text),
      );
      return found?.value ?? 0;
    },
  };
}

export interface Bought {
  order_no: string;
  reservation_id: string;
}

export const buyAt = (
  { http }: { http: TestHttpClient },
  wanted: { activityId: string; user: User; key?: string; quantity?: number },
): Promise<Answer<Bought>> =>
  http.call<Bought>(`POST /api/v1/seckill/activities/${wanted.activityId}/buy`, {
    user: wanted.user,
    body: { quantity: wanted.quantity ?? 1 },
    ...(wanted.key && { headers: { 'idempotency-key': wanted.key } }),
  });
