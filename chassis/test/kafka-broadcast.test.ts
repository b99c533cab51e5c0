import type { Admin } from 'kafkajs';
import { z } from 'zod';
import { Kafka, logLevel } from '../src/kafka-client';
import { newEvent, on } from '../src/message-broker';
import { createTestBroker, type TestBroker } from '../src/testing/broker';
import { infrastructure, testNamespace } from '../src/testing/infrastructure';
import { eventually } from '../src/testing/wait';

const namespace = testNamespace('broadcast');
const definition = { type: 'a.changed', version: 1, schema: z.object({ n: z.number() }) };

let kafka: TestBroker;
let admin: Admin;
beforeAll(async () => {
  kafka = await createTestBroker(namespace);
  admin = new Kafka({ brokers: infrastructure().kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
}, 60_000);
afterAll(async () => {
  await admin.disconnect();
  await kafka.cleanup();
});

const publish = (from: number, to: number) =>
  kafka.broker.publish(
    Array.from({ length: to - from }, (_, n) => newEvent(definition, `k${n % 7}`, { n: from + n })),
  );

function listener() {
  const seen: number[] = [];
  const handle = on(definition, (events) => {
    seen.push(...events.map((event) => event.payload.n));
    return Promise.resolve();
  });
  return { seen, consumer: kafka.broker.subscribe({ group: 'all', handlers: [handle], broadcast: true }) };
}

const ownGroups = async () => {
  const { groups } = await admin.listGroups();
  return groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(`${namespace}.all`));
};

test('each listener sees every event that is published once it has started, and none from before', async () => {
  await publish(0, 50);
  const [one, other] = [listener(), listener()];
  await Promise.all([one.consumer.start(), other.consumer.start()]);

  await publish(50, 150);

  await eventually(() => one.seen.length >= 100 && other.seen.length >= 100);
  await Promise.all([one.consumer.stop(), other.consumer.stop()]);
  for (const { seen } of [one, other])
    expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => 50 + n));
}, 60_000);

test('a listener has its place from the start, so that one that joins again goes on from there; it leaves no group', async () => {
  const { consumer } = listener();
  await consumer.start();

  const groups = await ownGroups();
  const [places] = await admin.fetchOffsets({ groupId: groups[0] ?? '' });
  const ends = await admin.fetchTopicOffsets(`${namespace}.a.changed`);
  await consumer.stop();

  expect(groups).toHaveLength(1);
  const byPartition = (list: { partition: number; offset: string }[] = []) =>
    Object.fromEntries(list.map(({ partition, offset }) => [partition, offset]));
  expect(byPartition(places?.partitions)).toEqual(byPartition(ends));
  expect(await ownGroups()).toEqual([]);
}, 60_000);
