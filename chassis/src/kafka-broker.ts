import type { Admin, LogEntry } from 'kafkajs';
import { Kafka, logLevel } from './kafka-client';
import { createConsumer } from './kafka-consumer';
import { createConsumerLags } from './kafka-consumer-lag';
import { createProducer, sendEvents } from './kafka-producer';
import { createMissingTopics } from './kafka-topics';
import type { Logger } from './logger';
import type { MessageBroker } from './message-broker';
import type { Metrics } from './metrics';

export interface KafkaBrokerOptions {
  brokers: string[];
  clientId: string;
  /** Prefix of topics and groups, so that several fleets share a cluster. */
  namespace: string;
  logger: Logger;
  metrics: Metrics;
  /** Of topics that have to be created; 6 unless said otherwise. */
  partitions?: number;
}

/** Kafka through kafkajs; no other file knows the library. */
export function createKafkaBroker(options: KafkaBrokerOptions): MessageBroker {
  const { namespace, logger, metrics, partitions = 6 } = options;
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: options.brokers,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => forward(entry, logger),
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 50, maxRetryTime: 2_000, retries: 8 },
  });
  const producer = createProducer(kafka);
  const published = metrics.counter('events_published_total', 'Events handed to the broker', ['type']);
  const prefixed = (name: string) => (namespace ? `${namespace}.${name}` : name);
  const known = new Set<string>();
  const lags = createConsumerLags(started, metrics);
  let admin: Admin | undefined;

  async function ensureTopics(types: string[]): Promise<void> {
    const wanted = [...new Set(types.map(prefixed))].filter((topic) => !known.has(topic));
    if (wanted.length === 0) return;
    await createMissingTopics(started(), wanted, partitions);
    for (const topic of wanted) known.add(topic);
  }

  async function endsOf(topic: string) {
    const offsets = await started().fetchTopicOffsets(topic);
    return offsets.map(({ partition, high }) => ({ topic, partition, offset: high }));
  }

  async function deleteGroup(group: string): Promise<void> {
    await started().deleteGroups([group]);
  }

  function started(): Admin {
    if (!admin) throw new Error('the broker has not started');
    return admin;
  }

  return {
    name: 'kafka',
    async start() {
      admin = kafka.admin();
      await admin.connect();
      await producer.connect();
    },
    async stop() {
      await producer.disconnect();
      await admin?.disconnect();
    },
    async publish(events) {
      const byType = Map.groupBy(events, (event) => event.type);
      await ensureTopics([...byType.keys()]);
      await sendEvents(producer, events, prefixed);
      for (const [type, ofType] of byType) published.inc({ type }, ofType.length);
    },
    ensureTopics,
    subscribe: (subscription) =>
      createConsumer({
        kafka,
        producer,
        subscription,
        topicOf: prefixed,
        groupOf: prefixed,
        ensureTopics,
        endsOf,
        deleteGroup,
        lags,
        logger,
        metrics,
      }),
  };
}

/** kafkajs reports what it retries by itself as an error: for us that is worth a debug line. */
function forward({ level, log }: LogEntry, logger: Logger): void {
  const { message, timestamp: _timestamp, logger: _logger, ...fields } = log;
  const isRetried =
    /retry|retries|coordinator|rebalanc|not aware of this|does not host|leadership election/i.test(
      `${message} ${String(fields['error'] ?? '')}`,
    );
  if (isRetried || level > logLevel.WARN) logger.debug(`kafka: ${message}`, fields);
  else logger.warn(`kafka: ${message}`, fields);
}
