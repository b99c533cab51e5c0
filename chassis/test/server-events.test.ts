import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { z } from 'zod';
import { defineErrors } from '../src/errors';
import { route } from '../src/http-routes';
import { createHttpServer } from '../src/http-server';
import { createMetrics } from '../src/metrics';
import { openApiDocument } from '../src/openapi';
import { createEventStreams, noMoreEvents, type EventStream } from '../src/server-events';
import { openEventStream } from '../src/testing/event-stream';
import { silentLogger } from '../src/testing/logger';
import { createTestTokens } from '../src/testing/tokens';
import { eventually } from '../src/testing/wait';

const errors = defineErrors('order-service', {
  tooMany: { http: 503, number: 1, message: 'too many streams' },
});
const tokens = createTestTokens();

/** A server with one route of events; the test holds the other end of each stream. */
async function serve({ limit = 10, heartbeatMs = 60_000, longestMs = 600_000 } = {}) {
  const metrics = createMetrics({ service: 'test' });
  const refusal = () => errors.tooMany({ retryAfterSeconds: 5 });
  const eventStreams = createEventStreams({ limit, heartbeatMs, longestMs, refusal, metrics });
  const streams: EventStream[] = [];
  let left = 0;
  const routes = [
    route(
      'GET /events',
      { summary: 'Events', access: 'public', reply: z.object({ n: z.int() }), bare: 'events' },
      ({ header }) => {
        if (header('last-event-id') === 'last') return Promise.resolve(noMoreEvents);
        const answer = eventStreams.open((stream) => {
          streams.push(stream);
          return () => (left += 1);
        });
        return Promise.resolve(answer);
      },
    ),
  ];
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes,
    tokens: tokens.of('order-service'),
    errors,
    logger: silentLogger,
    metrics,
  });
  await server.start();
  await eventStreams.start();
  const openCount = async () =>
    (await metrics.registry.getSingleMetric('http_event_streams')?.get())?.values[0]?.value;
  return {
    port: server.port(),
    routes,
    streams,
    eventStreams,
    server,
    left: () => left,
    openCount,
    open: (headers: Record<string, string> = {}) =>
      openEventStream({ port: server.port(), path: '/events', service: 'order-service', tokens, headers }),
    async stop() {
      await eventStreams.stop();
      await server.stop();
    },
  };
}

test('events arrive as they are sent, with their ids, until the stream ends', async () => {
  const served = await serve();
  const client = await served.open();

  served.streams[0]?.send({ id: 'a', data: { n: 1, text: 'two\nlines' } });
  await eventually(() => client.events.length === 1);
  served.streams[0]?.send({ id: 'b', data: { n: 2 } });
  served.streams[0]?.end();
  served.streams[0]?.send({ id: 'c', data: { n: 3 } });

  await eventually(client.isOver);
  expect(client.status).toBe(200);
  expect(client.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  expect(client.events).toEqual([
    { id: 'a', data: { n: 1, text: 'two\nlines' } },
    { id: 'b', data: { n: 2 } },
  ]);
  expect(client.text()).toMatch(/^retry: [12]\d{3}\n\n/);
  await eventually(() => served.left() === 1);
  await served.stop();
});

test('a client that leaves is let go of, and one that comes again after the last event is told to stay away', async () => {
  const served = await serve();
  const client = await served.open();
  expect(await served.openCount()).toBe(1);

  client.leave();

  await eventually(async () => (await served.openCount()) === 0);
  expect(served.left()).toBe(1);
  expect((await served.open({ 'last-event-id': 'last' })).status).toBe(204);
  await served.stop();
});

test('for a client that has left before its stream was open, nothing is begun', async () => {
  const served = await serve();
  const follow = jest.fn(() => () => undefined);

  served.eventStreams.open(follow).begin({ destroyed: true } as ServerResponse);

  expect(follow).not.toHaveBeenCalled();
  expect(await served.openCount()).toBe(0);
  await served.stop();
});

test('no more streams are open than may be; the next one is told when to come again, and gets in when one has left', async () => {
  const served = await serve({ limit: 2 });
  const [first] = [await served.open(), await served.open()];

  const refused = await served.open();

  expect(refused.status).toBe(503);
  expect(refused.headers['retry-after']).toBe('5');
  await eventually(() => refused.text().includes('503501'));
  expect(() => served.eventStreams.assertRoom()).toThrow('too many streams');
  first?.leave();
  await eventually(async () => (await served.openCount()) === 1);
  expect((await served.open()).status).toBe(200);
  await served.stop();
});

test('a quiet stream gets comments, and ends when its time is up', async () => {
  const served = await serve({ heartbeatMs: 20, longestMs: 200 });

  const client = await served.open();

  await eventually(() => client.comments() >= 2);
  await eventually(client.isOver);
  expect(client.events).toEqual([]);
  await served.stop();
});

test('a process that stops ends its streams at once, long before its server would cut whoever is left', async () => {
  const served = await serve();
  const client = await served.open();

  await served.eventStreams.stop();
  let hasStopped = false;
  void served.server.stop().then(() => (hasStopped = true));

  await eventually(() => client.isOver() && hasStopped, { timeoutMs: 3_000 });
});

test('a process that stops lets no new stream in', async () => {
  const served = await serve();
  await served.eventStreams.stop();

  const late = await served.open();

  expect(late.status).toBe(503);
  await served.stop();
});

test('a client that does not read is cut off', async () => {
  const served = await serve();
  const token = await tokens.of('gateway').issue('order-service');
  const socket = net.connect(served.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`GET /events HTTP/1.1\r\nHost: x\r\nX-Internal-Token: ${token}\r\n\r\n`);
  socket.pause();
  await eventually(() => served.streams.length === 1);

  await eventually(() => {
    served.streams[0]?.send({ id: 'a', data: 'x'.repeat(1_000_000) });
    return served.left() === 1;
  });

  expect(await served.openCount()).toBe(0);
  socket.destroy();
  await served.stop();
});

test('HEAD gets a head, and opens nothing', async () => {
  const served = await serve();
  const token = await tokens.of('gateway').issue('order-service');

  const answer = await fetch(`http://127.0.0.1:${served.port}/events`, {
    method: 'HEAD',
    headers: { 'x-internal-token': token },
  });

  expect(answer.status).toBe(200);
  expect(served.streams).toHaveLength(0);
  await served.stop();
});

test('the document says that it is a stream', async () => {
  const served = await serve();

  const document = openApiDocument({
    title: 'x',
    version: '1',
    routes: served.routes,
    errors: errors.all,
  });

  expect(document.paths?.['/events']?.get?.responses).toMatchObject({
    200: { content: { 'text/event-stream': { schema: { type: 'object' } } } },
  });
  await served.stop();
});
