import { Partitioners, type IHeaders, type Kafka, type Producer } from 'kafkajs';
import type { NewEvent } from './message-broker';

/** What travels beside the JSON payload. */
export function headersOf(event: NewEvent): IHeaders {
  return {
    id: event.id,
    type: event.type,
    version: String(event.version),
    occurred_at: event.occurredAt.toISOString(),
    ...(event.traceparent && { traceparent: event.traceparent }),
  };
}

/** Idempotent, acks=all, one request in flight: what was sent twice by a retry is stored once, and in order. */
export const createProducer = (kafka: Kafka): Producer =>
  kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });

const allInSyncReplicas = -1;

export async function sendEvents(
  producer: Producer,
  events: NewEvent[],
  topicOf: (type: string) => string,
): Promise<void> {
  if (events.length === 0) return;
  const byType = Map.groupBy(events, (event) => event.type);
  const topicMessages = [...byType].map(([type, group]) => ({
    topic: topicOf(type),
    messages: group.map((event) => ({
      key: event.key,
      value: JSON.stringify(event.payload),
      headers: headersOf(event),
    })),
  }));
  await producer.sendBatch({ acks: allInSyncReplicas, topicMessages });
}
