import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { failpoint } from './failpoint';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Metrics } from './metrics';

export interface StreamEntry {
  /** `<ms>-<sequence>`; the first part is Redis' clock. */
  id: string;
  fields: Record<string, string>;
}

export interface StreamRelay extends Component {
  /** Entries have been added: look at once. */
  wake(): void;
}

export interface StreamRelayOptions {
  redis: Redis;
  group: string;
  /** Unique among the running instances. */
  consumer: string;
  /** Asked at each turn, so that streams may come and go. */
  streams: () => string[];
  /** Must be safe to run again: an entry is removed only after this has resolved. */
  handle(stream: string, entries: StreamEntry[]): Promise<void>;
  /** How entries that were handled leave their stream: XACK and XDEL, in one step, and whatever has to happen together with it. */
  settle?(stream: string, entries: StreamEntry[]): Promise<void>;
  batchSize?: number;
  claimIdleMs?: number;
  idleMs?: number;
  /** Under load the relay rests this long between turns, so that batches are large and each costs little. */
  restMs?: number;
  logger: Logger;
  metrics: Metrics;
}

type RawEntry = [id: string, fields: string[] | null];

/**
 * Redis streams → handler, through a consumer group: read, handle, acknowledge and delete. What a dead instance had read is taken over
 * (XAUTOCLAIM) after `claimIdleMs`. A failed batch stays first in line and is tried again for ever, with back-off up to a second.
 */
export function createStreamRelay(options: StreamRelayOptions): StreamRelay {
  const {
    redis,
    group,
    consumer,
    logger,
    batchSize = 200,
    claimIdleMs = 5_000,
    idleMs = 20,
    restMs = 50,
    settle = acknowledge,
  } = options;
  const relayed = options.metrics.counter('stream_relay_entries_total', 'Stream entries relayed');
  const failures = options.metrics.counter(
    'stream_relay_failures_total',
    'Batches that have to be tried again',
  );
  const known = new Set<string>();
  /** Entries that were read, and not handled yet, by stream. */
  const unsettled = new Map<string, StreamEntry[]>();
  let running = false;
  let loop = Promise.resolve();
  let nudge = new AbortController();
  let claimAt = 0;

  async function ensureGroup(stream: string): Promise<void> {
    if (known.has(stream)) return;
    await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error;
    });
    known.add(stream);
  }

  async function readNew(stream: string): Promise<StreamEntry[]> {
    const reply = await redis.xreadgroup(
      'GROUP',
      group,
      consumer,
      'COUNT',
      batchSize,
      'STREAMS',
      stream,
      '>',
    );
    return toEntries(reply?.[0]?.[1] ?? []);
  }

  async function claimAbandoned(stream: string): Promise<StreamEntry[]> {
    const reply = (await redis.xautoclaim(stream, group, consumer, claimIdleMs, '0', 'COUNT', batchSize)) as [
      string,
      RawEntry[],
    ];
    const entries = toEntries(reply[1]);
    if (entries.length > 0)
      logger.warn('entries of a dead instance taken over', { stream, entries: entries.length });
    return entries;
  }

  async function relay(stream: string, mayClaim: boolean): Promise<number> {
    await ensureGroup(stream);
    let entries = unsettled.get(stream) ?? [];
    if (entries.length === 0 && mayClaim) entries = await claimAbandoned(stream);
    if (entries.length === 0) entries = await readNew(stream);
    if (entries.length === 0) return 0;

    unsettled.set(stream, entries);
    await options.handle(stream, entries);
    failpoint('stream-relay.handled');
    await settle(stream, entries);
    unsettled.delete(stream);
    relayed.inc(entries.length);
    return entries.length;
  }

  async function acknowledge(stream: string, entries: StreamEntry[]): Promise<void> {
    const ids = entries.map((entry) => entry.id);
    await redis
      .multi()
      .xack(stream, group, ...ids)
      .xdel(stream, ...ids)
      .exec();
  }

  /** One failing stream must not hold up the others. */
  async function relayOrKeep(stream: string, mayClaim: boolean): Promise<number> {
    try {
      return await relay(stream, mayClaim);
    } catch (error) {
      failures.inc();
      if (isGroupGone(error)) {
        known.delete(stream);
        unsettled.delete(stream);
      } else {
        logger.error('stream entries not handled, trying again', { stream, error });
      }
      return -1;
    }
  }

  async function turn(failedTurns: number): Promise<number> {
    const mayClaim = Date.now() >= claimAt;
    if (mayClaim) claimAt = Date.now() + claimIdleMs / 2;
    let moved = 0;
    let failed = false;
    for (const stream of options.streams()) {
      const count = await relayOrKeep(stream, mayClaim);
      if (count < 0) failed = true;
      else moved += count;
    }
    if (failed) {
      await wait(Math.min(50 * 2 ** failedTurns, 1_000));
      return Math.min(failedTurns + 1, 10);
    }
    if (moved > 0) await wait(running ? restMs : 0);
    else if (running && !nudge.signal.aborted)
      await wait(idleMs, undefined, { signal: nudge.signal }).catch(() => undefined);
    if (nudge.signal.aborted) nudge = new AbortController();
    return 0;
  }

  return {
    name: 'stream relay',
    start() {
      running = true;
      loop = (async () => {
        for (let failedTurns = 0; running;) failedTurns = await turn(failedTurns);
      })();
      return Promise.resolve();
    },
    async stop() {
      running = false;
      nudge.abort();
      await loop;
    },
    wake: () => nudge.abort(),
  };
}

/** Entries that were deleted while they were pending come back without fields. */
function toEntries(raw: RawEntry[]): StreamEntry[] {
  return raw.flatMap(([id, flat]) => {
    if (!flat) return [];
    const fields: Record<string, string> = {};
    for (let index = 0; index + 1 < flat.length; index += 2)
      fields[flat[index] ?? ''] = flat[index + 1] ?? '';
    return [{ id, fields }];
  });
}

/** After a restart of Redis without its data, the group has to be made again. */
const isGroupGone = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOGROUP');
