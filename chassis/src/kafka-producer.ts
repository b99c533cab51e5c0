import type { IHeaders, Kafka, Message, Producer, TopicMessages } from 'kafkajs';
import { createPartitioner } from './kafka-partitioner';
import type { OutgoingEvent } from './message-broker';

/** What travels beside the JSON payload. */
export function headersOf(event: OutgoingEvent): IHeaders {
  return {
    id: event.id,
    type: event.type,
    version: String(event.version),
    occurred_at: event.occurredAt.toISOString(),
    ...(event.traceparent && { traceparent: event.traceparent }),
  };
}

const allInSyncReplicas = -1;
/** Below Kafka's own limit of 1 MiB for what one partition gets at once (`message.max.bytes`), whatever the partitions. */
const mostBytesAtOnce = 800_000;
/** Of a record beside its key and value: our headers, and Kafka's framing. */
const bytesBeside = 300;

export interface EventProducer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Resolves when all in-sync replicas have all of them. */
  send(topicMessages: TopicMessages[]): Promise<void>;
}

/**
 * Idempotent, acks=all, one batch after the other: what was sent twice by a retry is stored once, and in order. After a batch that failed nobody
 * knows whether the broker has it, and kafkajs gives its sequence numbers to the next batch, which the broker may take for a repetition and drop.
 * So a failure ends the producer, and the next batch goes out with another one, which has a producer id of its own (KIP-98).
 */
export function createProducer(kafka: Kafka): EventProducer {
  let current: Producer | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function connected(): Promise<Producer> {
    if (current) return current;
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner,
    });
    await producer.connect();
    return (current = producer);
  }

  async function sendNow(topicMessages: TopicMessages[]): Promise<void> {
    const producer = await connected();
    try {
      await producer.sendBatch({ acks: allInSyncReplicas, topicMessages });
    } catch (error) {
      current = undefined;
      void producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  return {
    async connect() {
      await connected();
    },
    async disconnect() {
      await last;
      await current?.disconnect();
    },
    send(topicMessages) {
      const sent = last.then(() => sendNow(topicMessages));
      last = sent.catch(() => undefined);
      return sent;
    },
  };
}

/** In pieces that the broker takes, in order: a backlog of any size gets through. */
export async function sendEvents(
  producer: EventProducer,
  events: OutgoingEvent[],
  topicOf: (type: string) => string,
): Promise<void> {
  let piece: { type: string; message: Message }[] = [];
  let bytes = 0;
  const sendPiece = async () => {
    const byType = Map.groupBy(piece, ({ type }) => type);
    const topicMessages = [...byType].map(([type, group]) => ({
      topic: topicOf(type),
      messages: group.map(({ message }) => message),
    }));
    if (piece.length > 0) await producer.send(topicMessages);
    piece = [];
    bytes = 0;
  };
  for (const event of events) {
    const value = Buffer.from('json' in event ? event.json : JSON.stringify(event.payload));
    const size = value.length + event.key.length + bytesBeside;
    if (bytes + size > mostBytesAtOnce) await sendPiece();
    piece.push({ type: event.type, message: { key: event.key, value, headers: headersOf(event) } });
    bytes += size;
  }
  await sendPiece();
}
