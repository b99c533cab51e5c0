import RequestQueue from 'kafkajs/src/network/requestQueue';
import { Kafka, logLevel } from '../src/kafka-client';
import { z } from 'zod';
import { defineErrors } from '../src/errors';
import { createKafkaBroker } from '../src/kafka-broker';
import { newEvent, on, onEach, type ReceivedEvent } from '../src/message-broker';
import { createMetrics } from '../src/metrics';
import { createTestBroker, type TestBroker } from '../src/testing/broker';
import { infrastructure, testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { eventually } from '../src/testing/wait';

const errors = defineErrors('order-service', {});
const schema = z.object({ n: z.number() });
const definition = (type: string) => ({ type, version: 1, schema });
const namespace = testNamespace('kafka');

let kafka: TestBroker;
beforeAll(async () => {
  kafka = await createTestBroker(namespace);
}, 60_000);
afterAll(() => kafka.cleanup());

const publish = (type: string, ...numbers: number[]) =>
  kafka.broker.publish(numbers.map((n) => newEvent(definition(type), 'k', { n })));

/** What lies in a topic, with its headers, read by another client. */
async function messagesOf(type: string): Promise<{ value: string; headers: Record<string, string> }[]> {
  const client = new Kafka({ brokers: infrastructure().kafkaBrokers, logLevel: logLevel.NOTHING });
  const consumer = client.consumer({ groupId: `${namespace}.reader-${Math.random()}` });
  const messages: { value: string; headers: Record<string, string> }[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [`${namespace}.${type}`], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => {
      const headers = Object.fromEntries(
        Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
      );
      messages.push({ value: message.value?.toString() ?? '', headers });
      return Promise.resolve();
    },
  });
  await eventually(() => messages.length > 0).catch(() => undefined);
  await consumer.disconnect();
  return messages;
}

test('events arrive in order, with what they were sent with', async () => {
  const seen: ReceivedEvent<{ n: number }>[] = [];
  const consumer = kafka.broker.subscribe({
    group: 'ordered',
    handlers: [on(definition('a.sent'), (events) => Promise.resolve(void seen.push(...events)))],
  });
  await consumer.start();
  await publish('a.sent', ...Array.from({ length: 200 }, (_, n) => n));

  await eventually(() => seen.length === 200);

  await consumer.stop();
  expect(seen.map((event) => event.payload.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  expect(seen[0]).toMatchObject({ type: 'a.sent', version: 1, key: 'k', topic: `${namespace}.a.sent` });
  expect(seen[0]?.occurredAt).toBeInstanceOf(Date);
});

test('one poison event goes to the dead letters, its neighbours are handled', async () => {
  const seen: number[] = [];
  let tries = 0;
  const handler = on(definition('b.sent'), (events) => {
    if (events.some((event) => event.payload.n === 3)) {
      tries += 1;
      return Promise.reject(new Error('poison'));
    }
    seen.push(...events.map((event) => event.payload.n));
    return Promise.resolve();
  });
  await publish('b.sent', 1, 2, 3, 4, 5).catch(() => undefined);
  const consumer = kafka.broker.subscribe({ group: 'poisoned', handlers: [handler] });
  await consumer.start();

  await eventually(() => seen.length === 4, { timeoutMs: 20_000 });

  await consumer.stop();
  expect(seen).toEqual([1, 2, 4, 5]);
  expect(tries).toBe(6);
  expect(await messagesOf('b.sent.dlq')).toMatchObject([
    {
      value: '{"n":3}',
      headers: { dlq_reason: 'Error: poison', dlq_attempts: '5', dlq_group: `${namespace}.poisoned` },
    },
  ]);
}, 60_000);

test('a server that is away is waited for: no dead letters, nothing skipped', async () => {
  const seen: number[] = [];
  let failures = 6;
  const handler = onEach(definition('c.sent'), (event) => {
    if (failures-- > 0) return Promise.reject(errors.unavailable());
    seen.push(event.payload.n);
    return Promise.resolve();
  });
  await publish('c.sent', 1, 2);
  const consumer = kafka.broker.subscribe({ group: 'patient', handlers: [handler] });
  await consumer.start();

  await eventually(() => seen.length === 2, { timeoutMs: 40_000 });

  await consumer.stop();
  expect(seen).toEqual([1, 2]);
}, 60_000);

test('what is no event of ours is dead-lettered at once, with the reason, and the rest goes on', async () => {
  const client = new Kafka({ brokers: infrastructure().kafkaBrokers, logLevel: logLevel.NOTHING });
  const producer = client.producer();
  await kafka.broker.ensureTopics(['d.sent']);
  await producer.connect();
  const headers = { id: 'i', version: '1', occurred_at: new Date().toISOString() };
  const bad = [
    { value: '{"n":1}' },
    { value: 'not json', headers },
    { value: '{"n":"text"}', headers },
    { value: '{"n":1}', headers: { ...headers, version: '9' } },
    { value: '{"n":1}', headers: { ...headers, occurred_at: 'yesterday' } },
  ];
  await producer.send({
    topic: `${namespace}.d.sent`,
    messages: bad.map((message) => ({ key: 'k', ...message })),
  });
  await producer.disconnect();
  await publish('d.sent', 7);
  const seen: number[] = [];
  const consumer = kafka.broker.subscribe({
    group: 'strict',
    handlers: [onEach(definition('d.sent'), (event) => Promise.resolve(void seen.push(event.payload.n)))],
  });
  await consumer.start();

  await eventually(() => seen.length === 1);

  await consumer.stop();
  expect(seen).toEqual([7]);
  const reasons = (await messagesOf('d.sent.dlq')).map((message) => message.headers['dlq_reason']);
  expect(reasons).toHaveLength(5);
  expect(reasons.join()).toMatch(/header is missing.*not JSON.*payload is not.*version 9/s);
}, 60_000);

test('what was not committed is delivered again to the next consumer of the group', async () => {
  await publish('e.sent', 1);
  let seenByFirst = 0;
  const first = kafka.broker.subscribe({
    group: 'again',
    handlers: [
      on(definition('e.sent'), () => {
        seenByFirst += 1;
        return Promise.reject(errors.unavailable());
      }),
    ],
  });
  await first.start();
  await eventually(() => seenByFirst > 0);
  await first.stop();
  const seen: number[] = [];
  const second = kafka.broker.subscribe({
    group: 'again',
    handlers: [onEach(definition('e.sent'), (event) => Promise.resolve(void seen.push(event.payload.n)))],
  });
  await second.start();

  await eventually(() => seen.length === 1, { timeoutMs: 20_000 });

  await second.stop();
}, 60_000);

test('an idle connection sets no timer; one with waiting requests does', () => {
  const queue = (pending: unknown[]) =>
    Object.assign(Object.create(RequestQueue.prototype) as RequestQueue, {
      pending,
      throttledUntil: -1,
      throttleCheckTimeoutId: null,
    });
  const idle = queue([]);
  const busy = queue([{}]);

  idle.scheduleCheckPendingRequests();
  busy.scheduleCheckPendingRequests();

  expect(idle.throttleCheckTimeoutId).toBeNull();
  expect(busy.throttleCheckTimeoutId).not.toBeNull();
  clearTimeout(busy.throttleCheckTimeoutId ?? undefined);
});

test.each([
  { who: 'whom', type: 'polite.sent', restFactor: 100, own: {} },
  { who: 'events that', type: 'patient.sent', restFactor: 0.001, own: { restFactor: 100 } },
])(
  '$who others go before come one batch after the other, with a rest after each, of a second at most',
  async (polite) => {
    const { type, restFactor, own } = polite;
    const tookMs = 400;
    const batches: { began: number; ended: number }[] = [];
    const handle = async () => {
      const began = performance.now();
      await new Promise((resolve) => setTimeout(resolve, tookMs));
      batches.push({ began, ended: performance.now() });
    };
    // Of 40 keys each of the six partitions gets some.
    await kafka.broker.publish(
      Array.from({ length: 40 }, (_, n) => newEvent(definition(type), `k${n}`, { n })),
    );
    const consumer = kafka.broker.subscribe({
      group: type,
      handlers: [on(definition(type), handle, own)],
      restFactor,
    });
    await consumer.start();

    await eventually(() => batches.length === 3, { timeoutMs: 20_000 });

    await consumer.stop();
    const rests = batches.slice(1).map(({ began }, index) => began - (batches[index]?.ended ?? 0));
    expect(Math.min(...rests)).toBeGreaterThan(2 * tookMs);
  },
);

test('what was published is counted by its type', async () => {
  const metrics = createMetrics({ service: namespace });
  const broker = createKafkaBroker({
    brokers: infrastructure().kafkaBrokers,
    clientId: namespace,
    namespace,
    logger: silentLogger,
    metrics,
  });
  await broker.start();

  await broker.publish(
    ['one.sent', 'two.sent', 'two.sent'].map((type, n) => newEvent(definition(type), 'k', { n })),
  );

  await broker.stop();
  const counted = await metrics.registry.getSingleMetric('events_published_total')?.get();
  expect(counted?.values.map(({ labels, value }) => [labels['type'], value])).toEqual([
    ['one.sent', 1],
    ['two.sent', 2],
  ]);
});
