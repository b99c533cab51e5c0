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
  /** How much is handled in one turn, about, in what `sizeOf` counts. */
  batchSize?: number;
  /** 1 for each entry unless said. */
  sizeOf?(entry: StreamEntry): number;
  claimIdleMs?: number;
  idleMs?: number;
  /** Where less than a batch was waiting the relay rests this long, so that the next one is larger, and each purchase costs less. */
  restMs?: number;
  logger: Logger;
  metrics: Metrics;
}

/** What a turn found waiting in one stream: as much as it may take, less than that, or nothing. */
type Moved = 'full' | 'some' | 'nothing';

/** Read at once: Redis writes them out in a few milliseconds, however large they are. */
const entriesAtOnce = 200;

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
    sizeOf = () => 1,
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
  options.metrics.gauge('stream_relay_lag_seconds', 'How long the oldest entry has waited', [], {
    ofWorkers: 'max',
    collect: (gauge) => gauge.set(lagMs() / 1_000),
  });
  const known = new Set<string>();
  /** Entries that were read, and not handled yet, by stream. */
  const unsettled = new Map<string, StreamEntry[]>();
  let running = false;
  let loop = Promise.resolve();
  let nudge = new AbortController();
  let claimAt = 0;
  /** When a turn could not be ended for the first time; since then nobody knows what waits. */
  let failingSince: number | undefined;

  /** What was read is what has waited longest: while there is any, nothing behind it is read. */
  function lagMs(): number {
    const since = [...unsettled.values()].flatMap(([oldest]) => (oldest ? [Number.parseInt(oldest.id)] : []));
    if (failingSince !== undefined) since.push(failingSince);
    return since.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...since));
  }

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
      entriesAtOnce,
      'STREAMS',
      stream,
      '>',
    );
    return toEntries(reply?.[0]?.[1] ?? []);
  }

  async function claimAbandoned(stream: string): Promise<StreamEntry[]> {
    const reply = (await redis.xautoclaim(
      stream,
      group,
      consumer,
      claimIdleMs,
      '0',
      'COUNT',
      entriesAtOnce,
    )) as [string, RawEntry[]];
    const entries = toEntries(reply[1]);
    if (entries.length > 0)
      logger.warn('entries of a dead instance taken over', { stream, entries: entries.length });
    return entries;
  }

  async function relay(stream: string, mayClaim: boolean): Promise<Moved> {
    await ensureGroup(stream);
    let entries = unsettled.get(stream) ?? [];
    if (entries.length === 0 && mayClaim) entries = await claimAbandoned(stream);
    if (entries.length === 0) entries = await readNew(stream);
    if (entries.length === 0) return 'nothing';

    unsettled.set(stream, entries);
    const batch = firstOf(entries);
    await options.handle(stream, batch);
    failpoint('stream-relay.handled');
    await settle(stream, batch);
    if (batch.length < entries.length) unsettled.set(stream, entries.slice(batch.length));
    else unsettled.delete(stream);
    relayed.inc(batch.length);
    return batch.length < entries.length || entries.length === entriesAtOnce ? 'full' : 'some';
  }

  /** As many as fill a batch, and one at least. */
  function firstOf(entries: StreamEntry[]): StreamEntry[] {
    let size = 0;
    const end = entries.findIndex((entry) => (size += sizeOf(entry)) >= batchSize);
    return end < 0 ? entries : entries.slice(0, end + 1);
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
  async function relayOrKeep(stream: string, mayClaim: boolean): Promise<Moved | 'failed'> {
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
      return 'failed';
    }
  }

  async function turn(failedTurns: number): Promise<number> {
    const mayClaim = Date.now() >= claimAt;
    if (mayClaim) claimAt = Date.now() + claimIdleMs / 2;
    const moved = new Set<Moved | 'failed'>();
    for (const stream of options.streams()) moved.add(await relayOrKeep(stream, mayClaim));
    if (moved.has('failed')) {
      failingSince ??= Date.now();
      await wait(Math.min(50 * 2 ** failedTurns, 1_000));
      return Math.min(failedTurns + 1, 10);
    }
    failingSince = undefined;
    if (moved.has('full')) await wait(0);
    else if (moved.has('some')) await wait(running ? restMs : 0);
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
