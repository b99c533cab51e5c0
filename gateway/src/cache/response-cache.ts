import { gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { headerOf } from '../upstream/answer-headers';
import { createPurgeLog, createTagIndex } from './cache-tags';
import { isFailure, isForEverybody, ownBytes, type CacheableAnswer } from './cacheable-answer';

type Outcome = 'hit' | 'stale' | 'miss' | 'shared';

export interface Hit {
  readonly answer: CacheableAnswer & { gzip?: Buffer };
  /** For the `Age` header (RFC 9111 §5.1). */
  readonly ageSeconds: number;
  readonly outcome: Outcome;
}

export interface CacheRule {
  /** For the metrics. */
  route: string;
  ttlMs: number;
  /** After the TTL, the old answer is given for this long while a new one is fetched (RFC 5861 §3). */
  staleMs: number;
}

/** Answers that are the same for everybody, of a bounded number of bytes. */
export interface ResponseCache {
  /**
   * At once where the answer is there, else a promise: of requests for one key, one loads, and all get what comes of it, a failure
   * included. Only 200 is kept, and 404 for a second. `load` must not depend on the client that happens to be the first.
   */
  get(key: string, rule: CacheRule, load: () => Promise<CacheableAnswer>): Hit | Promise<Hit>;
  /** The body of a kept answer in gzip; undefined where that is not worth it, or not done yet: the first that asks starts it. */
  gzipOf(key: string, hit: Hit): Buffer | undefined;
  /** Forgets what carries the tag, also what is on its way. */
  purge(tag: string): void;
  purgeAll(): void;
}

interface Entry {
  answer: Hit['answer'];
  /** When it was asked for: it cannot be newer. */
  at: number;
  /** Not refreshed before then, since the last try failed. */
  retryAt: number;
  /** The last one given: within a second they are all the same. */
  hit: Hit;
}

interface Flight {
  at: number;
  /** How many purges there had been. */
  since: number;
  /** What came of it shows something that was purged meanwhile. */
  isOutdated: boolean;
  answer: Promise<CacheableAnswer>;
}

const notFoundTtlMs = 1_000;
/** Whoever asks for what is not there must not push out what is: those answers have a sixteenth of the bytes, of their own. */
const notFoundShare = 1 / 16;
const retryAfterMs = 1_000;
const leastToCompress = 1_024;
/** Of an entry beside its bytes: objects, and its place in maps. */
const bytesBeside = 512;

export function createResponseCache(options: {
  maxBytes: number;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds that never go back. */
  now?: () => number;
}): ResponseCache {
  const { logger, metrics, now = () => performance.now() } = options;
  const count = counterOf(metrics);
  const bytes = metrics.gauge('gateway_cache_bytes', 'Bytes of cached answers');
  const entries = metrics.gauge('gateway_cache_entries', 'Cached answers');
  const tags = createTagIndex();
  const purges = createPurgeLog();
  const flights = new Map<string, Flight>();
  const compressed = new WeakSet<CacheableAnswer>();
  const failing = new Set<string>();

  const lru = (maxSize: number) =>
    new LRUCache<string, Entry>({
      maxSize,
      sizeCalculation: sizeOf,
      dispose: (entry, key) => tags.remove(key, entry.answer.tags),
    });
  const notFound = lru(Math.ceil(options.maxBytes * notFoundShare));
  const found = lru(options.maxBytes - notFound.maxSize);

  function measure(): void {
    bytes.set(found.calculatedSize + notFound.calculatedSize);
    entries.set(found.size + notFound.size);
  }

  function drop(key: string): void {
    found.delete(key);
    notFound.delete(key);
  }

  function keep(key: string, entry: Entry): void {
    drop(key);
    const store = entry.answer.status === 404 ? notFound : found;
    store.set(key, entry);
    // What is larger than all that may be kept, is not.
    if (store.has(key)) tags.add(key, entry.answer.tags);
    measure();
  }

  /** A failed refresh leaves the old answer, until its time is over. */
  function fail(key: string, { route, ttlMs, staleMs }: CacheRule, failure: object): void {
    const entry = found.peek(key);
    if (!entry || now() - entry.at >= ttlMs + staleMs) return;
    entry.retryAt = now() + retryAfterMs;
    if (!failing.has(route))
      logger.warn('old answers are given, they cannot be refreshed', { route, ...failure });
    failing.add(route);
  }

  function settle(key: string, rule: CacheRule, flight: Flight, answer: CacheableAnswer): void {
    flight.isOutdated = purges.hasHappenedSince(flight.since, answer.tags);
    if (flight.isOutdated) return;
    if (isFailure(answer)) return fail(key, rule, { status: answer.status });
    if (failing.delete(rule.route)) logger.info('answers are refreshed again', { route: rule.route });
    if (!isForEverybody(answer) || (answer.status !== 200 && answer.status !== 404)) {
      drop(key);
      return measure();
    }
    const own = { ...answer, body: ownBytes(answer.body) };
    keep(key, {
      answer: own,
      at: flight.at,
      retryAt: 0,
      hit: { answer: own, ageSeconds: 0, outcome: 'hit' },
    });
  }

  function start(key: string, rule: CacheRule, load: () => Promise<CacheableAnswer>): Flight {
    const fly = async (): Promise<CacheableAnswer> => {
      try {
        const answer = await Promise.resolve().then(load);
        settle(key, rule, flight, answer);
        return answer;
      } catch (error) {
        fail(key, rule, { error });
        throw error;
      } finally {
        flights.delete(key);
        if (flights.size === 0) purges.forget();
      }
    };
    const flight: Flight = { at: now(), since: purges.count(), isOutdated: false, answer: fly() };
    flights.set(key, flight);
    return flight;
  }

  async function lead(key: string, rule: CacheRule, load: () => Promise<CacheableAnswer>): Promise<Hit> {
    count(rule.route, 'miss');
    const answer = await start(key, rule, load).answer;
    return { answer, ageSeconds: 0, outcome: 'miss' };
  }

  async function follow(
    flight: Flight,
    key: string,
    rule: CacheRule,
    load: () => Promise<CacheableAnswer>,
  ): Promise<Hit> {
    const arrived = purges.count();
    const answer = await flight.answer;
    // Whoever came after the purge must not see what was before it.
    if (flight.isOutdated && arrived > flight.since) return get(key, rule, load);
    if (isForEverybody(answer)) {
      count(rule.route, 'shared');
      return { answer, ageSeconds: 0, outcome: 'shared' };
    }
    count(rule.route, 'miss');
    return { answer: await load(), ageSeconds: 0, outcome: 'miss' };
  }

  function give(entry: Entry, ageMs: number, route: string, outcome: Outcome): Hit {
    count(route, outcome);
    const ageSeconds = Math.floor(ageMs / 1_000);
    if (entry.hit.ageSeconds !== ageSeconds || entry.hit.outcome !== outcome)
      entry.hit = { answer: entry.answer, ageSeconds, outcome };
    return entry.hit;
  }

  function get(key: string, rule: CacheRule, load: () => Promise<CacheableAnswer>): Hit | Promise<Hit> {
    const entry = found.get(key) ?? notFound.get(key);
    if (entry) {
      const ageMs = now() - entry.at;
      const isFound = entry.answer.status === 200;
      if (ageMs < (isFound ? rule.ttlMs : notFoundTtlMs)) return give(entry, ageMs, rule.route, 'hit');
      if (isFound && ageMs < rule.ttlMs + rule.staleMs) {
        if (!flights.has(key) && now() >= entry.retryAt) start(key, rule, load).answer.catch(() => undefined);
        return give(entry, ageMs, rule.route, 'stale');
      }
    }
    const flight = flights.get(key);
    return flight ? follow(flight, key, rule, load) : lead(key, rule, load);
  }

  return {
    get,
    gzipOf(key, { answer }) {
      const { body } = answer;
      if (answer.gzip || body.length < leastToCompress || compressed.has(answer)) return answer.gzip;
      compressed.add(answer);
      if (headerOf(answer.headers, 'content-encoding') !== undefined) return undefined;
      gzip(body, (error, zipped) => {
        const entry = found.peek(key);
        if (error || zipped.length >= body.length || entry?.answer !== answer) return;
        answer.gzip = ownBytes(zipped);
        keep(key, { ...entry });
      });
      return undefined;
    },
    purge(tag) {
      purges.note(tag);
      if (flights.size === 0) purges.forget();
      tags.keysOf(tag).forEach(drop);
      measure();
    },
    purgeAll() {
      purges.note();
      found.clear();
      notFound.clear();
      measure();
    },
  };
}

/** A child of each outcome, made once. */
function counterOf(metrics: Metrics): (route: string, outcome: Outcome) => void {
  const counter = metrics.counter('gateway_cache_total', 'Requests that the cache was asked about', [
    'route',
    'outcome',
  ]);
  const childrenOf = (route: string) => ({
    hit: counter.labels({ route, outcome: 'hit' }),
    stale: counter.labels({ route, outcome: 'stale' }),
    miss: counter.labels({ route, outcome: 'miss' }),
    shared: counter.labels({ route, outcome: 'shared' }),
  });
  const byRoute = new Map<string, ReturnType<typeof childrenOf>>();
  return (route, outcome) => {
    let children = byRoute.get(route);
    if (!children) byRoute.set(route, (children = childrenOf(route)));
    children[outcome].inc();
  };
}

function sizeOf({ answer }: Entry, key: string): number {
  const texts = [key, ...answer.headers, ...(answer.tags ?? [])];
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  return bytesBeside + answer.body.length + (answer.gzip?.length ?? 0) + 2 * characters;
}
