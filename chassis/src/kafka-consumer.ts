import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { EachBatchPayload, Kafka, KafkaMessage, TopicPartitionOffset } from 'kafkajs';
import { failpoint } from './failpoint';
import type { ConsumerLags } from './kafka-consumer-lag';
import type { EventProducer } from './kafka-producer';
import type { Logger } from './logger';
import type { Consumer, EventHandler, ReceivedEvent, Subscription } from './message-broker';
import { followUpBuckets, type Metrics } from './metrics';
import { inSpans } from './spans';
import { isTransient } from './transient';

const attemptsBeforeDeadLetter = 5;
const longestBackoffMs = 5_000;
/** Far below what a group takes for a death, and what a stop may take. */
const longestRestMs = 1_000;

interface ConsumerOptions {
  kafka: Kafka;
  producer: EventProducer;
  subscription: Subscription;
  topicOf(type: string): string;
  groupOf(group: string): string;
  ensureTopics(types: string[]): Promise<void>;
  /** Where the next event of each partition will be. */
  endsOf(topic: string): Promise<TopicPartitionOffset[]>;
  deleteGroup(group: string): Promise<void>;
  lags: ConsumerLags;
  logger: Logger;
  metrics: Metrics;
}

/** Topic of the messages that could not be handled, with the reason in their headers. */
export const deadLetterTypeOf = (type: string): string => `${type}.dlq`;

/** Decode → handle → commit. Nothing is committed before it was handled or dead-lettered. */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { subscription, topicOf, groupOf, logger } = options;
  const { broadcast, restFactor = 0 } = subscription;
  const group = groupOf(subscription.group) + (broadcast ? `-${randomUUID()}` : '');
  const handlers = new Map(
    subscription.handlers.map((handler) => [topicOf(handler.definition.type), handler]),
  );
  const types = subscription.handlers.map((handler) => handler.definition.type);
  const { handled, retried, inboxLag } = consumerMetrics(options.metrics, types);
  const lag = options.lags.of({ name: subscription.group, id: group, topicOf, types });
  const kafkaConsumer = options.kafka.consumer({
    groupId: group,
    sessionTimeout: 10_000,
    heartbeatInterval: 1_000,
    // The broker answers as soon as there is something; an idle consumer asks once a second.
    maxWaitTimeInMs: 1_000,
    retry: { retries: 5, restartOnFailure: () => Promise.resolve(true) },
  });
  let stopping = false;

  async function deadLetter(
    batch: EachBatchPayload['batch'],
    message: KafkaMessage,
    failure: { reason: string; attempts: number },
  ): Promise<void> {
    const type = handlers.get(batch.topic)?.definition.type ?? batch.topic;
    const headers = {
      ...message.headers,
      dlq_reason: failure.reason.slice(0, 1_000),
      dlq_attempts: String(failure.attempts),
      dlq_topic: batch.topic,
      dlq_partition: String(batch.partition),
      dlq_offset: message.offset,
      dlq_group: group,
    };
    const messages = [{ key: message.key, value: message.value, headers }];
    await options.producer.send([{ topic: topicOf(deadLetterTypeOf(type)), messages }]);
    handled.inc({ type, result: 'dead-lettered' });
    logger.error('message dead-lettered', { topic: batch.topic, offset: message.offset, ...failure });
  }

  /** Returns when every event of the slice is handled or dead-lettered; throws only when we are stopping. */
  async function settle(payload: EachBatchPayload, handler: EventHandler, slice: Decoded[]): Promise<void> {
    const { type } = handler.definition;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const events = slice.map(({ event }) => event);
        await inSpans(`process ${type}`, events, (traced) => handler.handle(traced));
        handled.inc({ type, result: 'ok' }, slice.length);
        if (slice[0]) inboxLag.observe({ type }, secondsSince(slice[0].event.occurredAt));
        return;
      } catch (error) {
        if (!isTransient(error) && (slice.length > 1 || attempt >= attemptsBeforeDeadLetter)) {
          return giveUp(payload, handler, { slice, attempts: attempt, error });
        }
        retried.inc({ type });
        logger.warn('events not handled, trying again', { type, events: slice.length, attempt, error });
        await pause(payload, Math.min(50 * 2 ** Math.min(attempt, 10), longestBackoffMs));
      }
    }
  }

  /** One poison message must not take its neighbours along: a batch is split until it is alone. */
  async function giveUp(
    payload: EachBatchPayload,
    handler: EventHandler,
    failed: { slice: Decoded[]; attempts: number; error: unknown },
  ): Promise<void> {
    const [only] = failed.slice;
    if (failed.slice.length > 1) {
      for (const each of failed.slice) await settle(payload, handler, [each]);
    } else if (only) {
      await deadLetter(payload.batch, only.message, {
        reason: String(failed.error),
        attempts: failed.attempts,
      });
    }
  }

  /** Waits without losing the membership in the group. */
  async function pause({ heartbeat, isRunning, isStale }: EachBatchPayload, ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      if (stopping || !isRunning() || isStale())
        throw new Error('stopped before the events were handled; they will be delivered again');
      await wait(Math.min(500, Math.max(until - Date.now(), 1)));
      await heartbeat();
    }
  }

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, isRunning, isStale } = payload;
    const handler = handlers.get(batch.topic);
    if (!handler) return;
    const size = handler.maxBatch;
    for (let from = 0; from < batch.messages.length; from += size) {
      if (stopping || !isRunning() || isStale()) return;
      const began = Date.now();
      const messages = batch.messages.slice(from, from + size);
      const decoded: Decoded[] = [];
      for (const message of messages) {
        const event = decode(batch, message, handler);
        if (typeof event === 'string') await deadLetter(batch, message, { reason: event, attempts: 1 });
        else decoded.push({ message, event });
      }
      if (decoded.length > 0) await settle(payload, handler, decoded);
      failpoint('kafka-consumer.handled');
      const last = messages.at(-1);
      if (last) resolveOffset(last.offset);
      await commitOffsetsIfNecessary({
        topics: [
          {
            topic: batch.topic,
            partitions: [{ partition: batch.partition, offset: (BigInt(last?.offset ?? 0) + 1n).toString() }],
          },
        ],
      });
      await heartbeat();
      const rest = handler.restFactor ?? restFactor;
      if (rest > 0) await wait(Math.min((Date.now() - began) * rest, longestRestMs));
    }
  }

  /** Committed, too: a consumer that has to join again goes on from there, and misses nothing. */
  async function beginAt(ends: TopicPartitionOffset[]): Promise<void> {
    for (const end of ends) kafkaConsumer.seek(end);
    await kafkaConsumer.commitOffsets(ends);
  }

  return {
    name: `consumer ${subscription.group}`,
    async start() {
      await options.ensureTopics([...types, ...types.map(deadLetterTypeOf)]);
      const ends = broadcast ? await Promise.all([...handlers.keys()].map(options.endsOf)) : [];
      await kafkaConsumer.connect();
      await kafkaConsumer.subscribe({ topics: [...handlers.keys()], fromBeginning: !broadcast });
      const joined = new Promise<void>((resolve) =>
        kafkaConsumer.on(kafkaConsumer.events.GROUP_JOIN, () => resolve()),
      );
      await kafkaConsumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: restFactor > 0 ? 1 : 3,
        eachBatch,
      });
      await joined;
      if (broadcast) await beginAt(ends.flat());
      lag.show();
    },
    async stop() {
      stopping = true;
      lag.hide();
      await kafkaConsumer.disconnect();
      if (broadcast) await options.deleteGroup(group);
    },
  };
}

/** Failures are counted from 0: an alert on their increase does not see how a series begins. */
const failuresOf = (metrics: Metrics, types: string[]) => {
  const handled = metrics.counter('events_handled_total', 'Events consumed', ['type', 'result']);
  const retried = metrics.counter('events_retried_total', 'Tries to handle a batch of events that failed', [
    'type',
  ]);
  for (const type of types) {
    handled.inc({ type, result: 'dead-lettered' }, 0);
    retried.inc({ type }, 0);
  }
  return { handled, retried };
};

const consumerMetrics = (metrics: Metrics, types: string[]) => ({
  ...failuresOf(metrics, types),
  inboxLag: metrics.histogram(
    'inbox_lag_seconds',
    'From what an event tells of until it was handled; of the oldest of each batch',
    ['type'],
    followUpBuckets,
  ),
});

/** Clocks of two machines differ. */
const secondsSince = (at: Date): number => Math.max(0, Date.now() - at.getTime()) / 1_000;

interface Decoded {
  message: KafkaMessage;
  event: ReceivedEvent<unknown>;
}

/** The event, or why it is none. */
function decode(
  batch: EachBatchPayload['batch'],
  message: KafkaMessage,
  { definition }: EventHandler,
): ReceivedEvent<unknown> | string {
  const header = (name: string) => message.headers?.[name]?.toString();
  const id = header('id');
  const occurredAt = new Date(header('occurred_at') ?? Number.NaN);
  if (!id || Number.isNaN(occurredAt.getTime())) return 'the id or occurred_at header is missing';
  if (header('version') !== String(definition.version))
    return `unknown version ${header('version')} of ${definition.type}`;
  let json: unknown;
  try {
    json = JSON.parse(message.value?.toString() ?? '');
  } catch {
    return 'the value is not JSON';
  }
  const parsed = definition.schema.safeParse(json);
  if (!parsed.success)
    return `the payload is not a ${definition.type}: ${parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`;
  const traceparent = header('traceparent');
  return {
    id,
    type: definition.type,
    version: definition.version,
    key: message.key?.toString() ?? '',
    occurredAt,
    payload: parsed.data,
    topic: batch.topic,
    partition: batch.partition,
    offset: message.offset,
    ...(traceparent && { traceparent }),
  };
}
