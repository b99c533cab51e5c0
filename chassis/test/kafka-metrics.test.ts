import { z } from 'zod';
import { defineErrors } from '../src/errors';
import { createKafkaBroker } from '../src/kafka-broker';
import { newEvent, on, onEach } from '../src/message-broker';
import { createMetrics } from '../src/metrics';
import { createTestBroker, type TestBroker } from '../src/testing/broker';
import { infrastructure, testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { metricOf } from '../src/testing/metrics';
import { eventually } from '../src/testing/wait';

const errors = defineErrors('order-service', {});
const definition = (type: string) => ({ type, version: 1, schema: z.object({ n: z.number() }) });
const namespace = testNamespace('kafkametrics');

/** Takes the topics away in the end. */
let kafka: TestBroker;
beforeAll(async () => {
  kafka = await createTestBroker(namespace);
}, 60_000);
afterAll(() => kafka.cleanup());

test('how far a group is behind is seen while its consumer hangs, and 0 when it has caught up', async () => {
  const metrics = createMetrics({ service: 'test' });
  const { kafkaBrokers: brokers } = infrastructure();
  const broker = createKafkaBroker({
    brokers,
    clientId: 'lagging',
    namespace,
    logger: silentLogger,
    metrics,
  });
  await broker.start();
  const hold = Promise.withResolvers<void>();
  const consumer = broker.subscribe({
    group: 'lagging',
    handlers: [on(definition('lag.sent'), () => hold.promise)],
  });
  await broker.publish([newEvent(definition('lag.sent'), 'k', { n: 0 })]);
  await consumer.start();
  const lag = () => metricOf(metrics, 'kafka_consumer_lag', { group: 'lagging', topic: 'lag.sent' });

  await broker.publish(Array.from({ length: 9 }, (_, n) => newEvent(definition('lag.sent'), `k${n}`, { n })));

  await eventually(async () => (await lag()) === 10, { timeoutMs: 10_000 });
  hold.resolve();
  await eventually(async () => (await lag()) === 0, { timeoutMs: 10_000 });
  expect(await metricOf(metrics, 'inbox_lag_seconds', { type: 'lag.sent', le: '+Inf' })).toBeGreaterThan(0);
  await consumer.stop();
  expect(await lag()).toBeUndefined();
  await broker.stop();
}, 60_000);

test('a try that failed is counted beside what came of it', async () => {
  const metrics = createMetrics({ service: 'test' });
  const { kafkaBrokers: brokers } = infrastructure();
  const broker = createKafkaBroker({
    brokers,
    clientId: 'retrying',
    namespace,
    logger: silentLogger,
    metrics,
  });
  await broker.start();
  let failures = 2;
  const handler = onEach(definition('retry.sent'), () =>
    failures-- > 0 ? Promise.reject(errors.unavailable()) : Promise.resolve(),
  );
  await broker.publish([newEvent(definition('retry.sent'), 'k', { n: 1 })]);
  const consumer = broker.subscribe({ group: 'retrying', handlers: [handler] });
  await consumer.start();

  await eventually(async () => (await metricOf(metrics, 'events_handled_total', { result: 'ok' })) === 1, {
    timeoutMs: 20_000,
  });

  expect(await metricOf(metrics, 'events_retried_total', { type: 'retry.sent' })).toBe(2);
  await consumer.stop();
  await broker.stop();
}, 60_000);
