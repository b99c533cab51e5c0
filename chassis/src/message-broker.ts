import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Component } from './lifecycle';
import { currentContext, traceparentOf } from './request-context';
import { activeTrace, inTraceOf, type Traced } from './spans';

/** A kind of event. Its type is also its topic. */
export interface EventDefinition<T> {
  type: string;
  version: number;
  schema: z.ZodType<T>;
}

/** An event on its way out. Events with the same key keep their order. */
export interface NewEvent {
  /** UUIDv7 (RFC 9562); consumers recognise a second delivery by it. */
  id: string;
  type: string;
  version: number;
  key: string;
  occurredAt: Date;
  traceparent?: string;
  payload: unknown;
}

/** The same with its payload as the JSON that travels: whoever has the text need not read it and write it again. */
export type OutgoingEvent = NewEvent | (Omit<NewEvent, 'payload'> & { json: string });

export interface ReceivedEvent<T> extends Omit<NewEvent, 'payload'> {
  payload: T;
  topic: string;
  partition: number;
  offset: string;
}

export interface EventHandler {
  definition: EventDefinition<unknown>;
  handle(events: ReceivedEvent<unknown>[]): Promise<void>;
  /** The most events it gets at once. */
  maxBatch: number;
  /** As of a subscription, for these events alone. */
  restFactor?: number;
}

export interface Consumer extends Component {
  /** Resolves once the group has been joined. */
  start(): Promise<void>;
  /** Resolves after the current batch. */
  stop(): Promise<void>;
}

export interface Subscription {
  /** Every group sees every event; within a group each event goes to one consumer. */
  group: string;
  handlers: EventHandler[];
  /**
   * Every process sees every event: the group is this consumer's alone, begins with what is published once start() has resolved, and is
   * deleted at stop(). Of a process that was killed, the broker forgets it after a while.
   */
  broadcast?: true;
  /**
   * Others go first: batches come one after the other, and each is followed by a rest of so many times as long as it took, up to a second. At rest
   * nobody notices; the busier the machine and its servers are, the longer they are left alone.
   */
  restFactor?: number;
}

/** Carries events between services, at least once. Kafka is its one adapter. */
export interface MessageBroker extends Component {
  /** Resolves when all in-sync replicas have all of them. */
  publish(events: OutgoingEvent[]): Promise<void>;
  ensureTopics(types: string[]): Promise<void>;
  subscribe(subscription: Subscription): Consumer;
}

/** RFC 9562: 48 bits of milliseconds, then random ones; those come from Node's pool, which a UUID library does not use. */
function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** It goes on with the trace of its cause: of what runs right now, unless said. Of a batch, each event has a cause of its own. */
export function newEvent<T>(
  definition: EventDefinition<T>,
  key: string,
  payload: T,
  { traceparent }: Traced = currentTrace(),
): NewEvent {
  return {
    id: uuidv7(),
    type: definition.type,
    version: definition.version,
    key,
    occurredAt: new Date(),
    payload,
    ...(traceparent && { traceparent }),
  };
}

function currentTrace(): Traced {
  const active = activeTrace();
  const request = currentContext();
  return active.traceparent || !request ? active : { traceparent: traceparentOf(request) };
}

/** Handles what one fetched batch of one partition holds, in order; it must be safe to run again. The more at once, the less each costs. */
export const on = <T>(
  definition: EventDefinition<T>,
  handle: (events: ReceivedEvent<T>[]) => Promise<void>,
  options: Pick<EventHandler, 'restFactor'> = {},
): EventHandler => ({ definition, handle, maxBatch: 2_000, ...options });

/** Handles one event after the other, and no more of them than leave the consumer time to tell its group that it is alive. */
export const onEach = <T>(
  definition: EventDefinition<T>,
  handle: (event: ReceivedEvent<T>) => Promise<void>,
): EventHandler => ({
  ...on(definition, async (events) => {
    for (const event of events) await inTraceOf(event, () => handle(event));
  }),
  maxBatch: 500,
});
