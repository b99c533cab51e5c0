import { Kafka, logLevel } from '../kafka-client';
import { randomUUID } from 'node:crypto';
import { createKafkaBroker } from '../kafka-broker';
import { on, type EventDefinition, type MessageBroker, type ReceivedEvent } from '../message-broker';
import { createMetrics } from '../metrics';
import { infrastructure } from './infrastructure';
import { silentLogger } from './logger';

export interface TestBroker {
  broker: MessageBroker;
  /** All events of a kind from the beginning, growing as they come. */
  collect<T>(definition: EventDefinition<T>): Promise<ReceivedEvent<T>[]>;
  /** Stops, and deletes the namespace's topics. */
  cleanup(): Promise<void>;
}

/** A started broker with topics of the test file's own. */
export async function createTestBroker(namespace: string): Promise<TestBroker> {
  const { kafkaBrokers: brokers } = infrastructure();
  const broker = createKafkaBroker({
    brokers,
    clientId: namespace,
    namespace,
    logger: silentLogger,
    metrics: createMetrics({ service: namespace }),
    partitions: 3,
  });
  await broker.start();
  const collectors: { stop(): Promise<void> }[] = [];
  return {
    broker,
    async collect<T>(definition: EventDefinition<T>) {
      const events: ReceivedEvent<T>[] = [];
      const remember = on(definition, (batch) => {
        events.push(...batch);
        return Promise.resolve();
      });
      const consumer = broker.subscribe({ group: `collector-${randomUUID()}`, handlers: [remember] });
      collectors.push(consumer);
      await consumer.start();
      return events;
    },
    async cleanup() {
      await Promise.all(collectors.map((consumer) => consumer.stop()));
      await broker.stop();
      await deleteTopics(brokers, namespace);
    },
  };
}

async function deleteTopics(brokers: string[], namespace: string): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${namespace}.`));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
}
