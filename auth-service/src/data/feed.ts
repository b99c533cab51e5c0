import { setTimeout as wait } from 'node:timers/promises';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';

/** What is told to readers, each of whom is somewhere in it. */
export interface FeedSource<Cursor, Message> {
  /** Reads what is new. */
  poll(): Promise<void>;
  /** Nobody reads any more. */
  forget(): void;
  /** What comes after `cursor`, from the beginning without one; undefined where there is nothing new. */
  next(cursor: Cursor | undefined): { message: Message; cursor: Cursor } | undefined;
}

/** The server's side of a gRPC stream, as far as a feed needs it. */
export interface FeedStream<Message> {
  write(message: Message): boolean;
  end(): unknown;
  on(event: 'cancelled' | 'drain', listener: () => void): unknown;
  readonly cancelled: boolean;
  readonly writableNeedDrain: boolean;
}

export interface Feed<Message> extends Component {
  subscribe(stream: FeedStream<Message>): void;
}

interface Reader<Cursor, Message> {
  stream: FeedStream<Message>;
  cursor: Cursor | undefined;
  toldAt: number;
  /** Since when it has not taken what it was sent. */
  stuckSince: number | undefined;
}

const heartbeatMs = 1_000;
const stuckLimitMs = 10_000;

/**
 * One poll for all who read, and none where nobody does. A reader is told the state as of after it came, then what changes; a heartbeat, an
 * empty message, comes only while the polls succeed, so that silence means "not up to date". Whoever does not read is dropped, and comes back.
 */
export function createFeed<Cursor, Message extends object>(options: {
  name: string;
  source: FeedSource<Cursor, Message>;
  everyMs: number;
  logger: Logger;
  metrics: Metrics;
  now?: () => number;
}): Feed<Message> {
  const { name, source, everyMs, logger, now = Date.now } = options;
  const readers = new Set<Reader<Cursor, Message>>();
  const count = options.metrics.gauge('auth_feed_readers', 'Gateways that read a feed', ['feed']);
  const stopped = new AbortController();
  let running: Promise<void> | undefined;
  let hasFailed = false;

  async function run(): Promise<void> {
    while (readers.size > 0 && !stopped.signal.aborted) {
      // Whoever comes during the poll waits for the next: this one may have looked before they came.
      const present = [...readers];
      if (await pollOnce()) present.forEach(advance);
      await wait(everyMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
    source.forget();
    running = undefined;
  }

  async function pollOnce(): Promise<boolean> {
    try {
      await source.poll();
      if (hasFailed) logger.info('feed is up to date again', { feed: name });
      hasFailed = false;
      return true;
    } catch (error) {
      if (!hasFailed) logger.warn('feed cannot be brought up to date', { feed: name, error });
      hasFailed = true;
      return false;
    }
  }

  function advance(reader: Reader<Cursor, Message>): void {
    const { stream } = reader;
    if (!readers.has(reader)) return;
    if (stream.cancelled) return leave(reader);
    if (stream.writableNeedDrain) {
      reader.stuckSince ??= now();
      if (now() - reader.stuckSince >= stuckLimitMs) drop(reader);
      return;
    }
    reader.stuckSince = undefined;
    let next = source.next(reader.cursor);
    if (!next && now() - reader.toldAt >= heartbeatMs) tell(reader, {} as Message);
    for (; next && !stream.writableNeedDrain; next = source.next(reader.cursor)) {
      reader.cursor = next.cursor;
      tell(reader, next.message);
    }
  }

  function tell(reader: Reader<Cursor, Message>, message: Message): void {
    reader.stream.write(message);
    reader.toldAt = now();
  }

  function leave(reader: Reader<Cursor, Message>): void {
    readers.delete(reader);
    count.set({ feed: name }, readers.size);
  }

  function drop(reader: Reader<Cursor, Message>): void {
    logger.warn('reader of a feed does not read', { feed: name });
    leave(reader);
    reader.stream.end();
  }

  return {
    name: `feed of ${name}`,
    start: () => Promise.resolve(),
    async stop() {
      stopped.abort();
      for (const reader of [...readers]) {
        leave(reader);
        reader.stream.end();
      }
      await running;
    },
    subscribe(stream) {
      if (stopped.signal.aborted) return void stream.end();
      const reader = { stream, cursor: undefined, toldAt: now(), stuckSince: undefined };
      readers.add(reader);
      count.set({ feed: name }, readers.size);
      stream.on('cancelled', () => leave(reader));
      stream.on('drain', () => {
        // Before its first poll it is told nothing.
        if (reader.cursor !== undefined) advance(reader);
      });
      running ??= run();
    },
  };
}
