import { randomUUID } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { Kafka, logLevel } from '@onrush/chassis/kafka-client';
import { topicOf, type Servers } from '../environment';

/** Ids of the orders and reservations that Kafka tells of, a line for each event. */
export interface SaleEvents {
  reserved: string[];
  orderCreated: string[];
  orderPaid: string[];
  orderCancelled: string[];
}

const topics = {
  reserved: 'seckill.reserved',
  orderCreated: 'order.created',
  orderPaid: 'order.paid',
  orderCancelled: 'order.cancelled',
} as const;

/** Reads the topics of a sale from their beginning to where they end now. */
export async function readEvents(
  servers: Servers,
  namespace: string,
  activityId: string,
): Promise<SaleEvents> {
  const kafka = new Kafka({ brokers: servers.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING });
  const events: SaleEvents = { reserved: [], orderCreated: [], orderPaid: [], orderCancelled: [] };
  const byTopic = new Map(
    Object.entries(topics).map(([name, type]) => [topicOf(namespace, type), name as keyof typeof topics]),
  );
  const accept = (topic: string, message: KafkaMessage) => {
    const payload = JSON.parse(message.value?.toString() ?? '{}') as {
      activity_id?: string;
      reservation_id?: string;
      order_id?: string;
    };
    const name = byTopic.get(topic);
    if (name && payload.activity_id === activityId)
      events[name].push((name === 'reserved' ? payload.reservation_id : payload.order_id) ?? '');
  };
  await readToEnd(kafka, [...byTopic.keys()], accept);
  return events;
}

async function readToEnd(
  kafka: Kafka,
  wanted: string[],
  accept: (topic: string, message: KafkaMessage) => void,
): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const existing = new Set(await admin.listTopics());
  const present = wanted.filter((topic) => existing.has(topic));
  const unread = new Map<string, bigint>();
  for (const topic of present) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) unread.set(`${topic} ${partition}`, BigInt(high));
    }
  }
  const groupId = `reader-${randomUUID()}`;
  if (unread.size > 0) await consume(kafka, { groupId, topics: present, unread, accept });
  await admin.deleteGroups([groupId]).catch(() => undefined);
  await admin.disconnect();
}

async function consume(
  kafka: Kafka,
  {
    groupId,
    topics: wanted,
    unread,
    accept,
  }: {
    groupId: string;
    topics: string[];
    unread: Map<string, bigint>;
    accept: (topic: string, message: KafkaMessage) => void;
  },
): Promise<void> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topics: wanted, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          const end = unread.get(`${batch.topic} ${batch.partition}`) ?? 0n;
          for (const message of batch.messages)
            if (BigInt(message.offset) < end) accept(batch.topic, message);
          if (BigInt(batch.lastOffset()) + 1n >= end) unread.delete(`${batch.topic} ${batch.partition}`);
          if (unread.size === 0) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
}
