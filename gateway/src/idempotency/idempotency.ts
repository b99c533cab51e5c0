import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { loadScript, type Keys } from '@onrush/chassis/redis';

/** The same key of somebody else, or on another route, is another key. */
export interface IdempotencyScope {
  principal: string;
  route: string;
  key: string;
}

export interface StoredAnswer {
  status: number;
  /** Names and values in turn. */
  headers: string[];
  body: Buffer;
}

export type Begun = Started | Refused | { state: 'replay'; answer: StoredAnswer };

interface Started {
  state: 'started';
  /**
   * Keeps the answer as the outcome of the key. Never rejects: resolves when it is kept, or after 200 ms, and goes on trying behind. Of
   * its headers only those that belong to the body are kept.
   */
  complete(answer: StoredAnswer): Promise<void>;
  /** Gives the key back: nothing was carried out. Never rejects. */
  abandon(): Promise<void>;
}

type Refused =
  | { state: 'in-flight'; retryAfterSeconds: number }
  /** The key was used for another request. */
  | { state: 'mismatch' }
  /** Carried out, with this status, and an answer that was too large to be kept. */
  | { state: 'not-replayable'; status: number };

export interface IdempotencyOptions {
  /** After this long, a request whose gateway died blocks its key no more; longer than the request may take. */
  inFlightMs: number;
  /** How long an outcome is kept. */
  keepMs: number;
}

/** Draft-ietf-httpapi-idempotency-key-header: a request with a key is carried out once, and its answer is given again, byte by byte. */
export interface Idempotency {
  /** Rejects within 250 ms where Redis does not answer: without it nobody knows whether the request is the first. */
  begin(scope: IdempotencyScope, fingerprint: string, options: IdempotencyOptions): Promise<Begun>;
}

/** Of a larger answer only the status is kept. */
export const largestBodyBytes = 262_144;
const limitMs = 200;
const attempts = 3;
const keptHeaders = new Set([
  'content-type',
  'content-encoding',
  'location',
  'etag',
  'retry-after',
  'x-served-version',
]);

const scripts = __dirname;
const beginScript = loadScript<[string, number]>(scripts, 'idempotency-begin-1.lua');
const completeScript = loadScript<number>(scripts, 'idempotency-complete-1.lua');
const abandonScript = loadScript<number>(scripts, 'idempotency-abandon-1.lua');

export function createIdempotency(deps: {
  redis: Redis;
  keys: Keys;
  logger: Logger;
  metrics: Metrics;
}): Idempotency {
  const { redis, keys, logger } = deps;
  const outcomes = deps.metrics.counter(
    'gateway_idempotency_total',
    'Requests with an Idempotency-Key, and what became of their answers',
    ['outcome'],
  );
  let isAway = false;

  function away(outcome: 'unavailable' | 'unsaved', error: unknown): void {
    outcomes.inc({ outcome });
    if (!isAway) logger.error('Idempotency-Keys cannot be looked up or kept, Redis is away', { error });
    isAway = true;
  }

  function back(): void {
    if (isAway) logger.info('Idempotency-Keys are looked up and kept again');
    isAway = false;
  }

  /** Until it is done, or tried often enough. */
  async function save(outcome: string, run: () => Promise<number>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        outcomes.inc({ outcome: (await run()) === 1 ? outcome : 'lapsed' });
        return back();
      } catch (error) {
        if (attempt === attempts) return away('unsaved', error);
        await wait(100 * 2 ** attempt);
      }
    }
  }

  function started(record: string, owner: string, keepMs: number): Started {
    return {
      state: 'started',
      complete({ status, headers, body }) {
        const head = [owner, keepMs, status, JSON.stringify(headers.filter(isKept))];
        const args = body.length > largestBodyBytes ? head : [...head, body];
        return atMost(save('completed', () => completeScript.run(redis, [record], args)));
      },
      abandon: () => atMost(save('abandoned', () => abandonScript.run(redis, [record], [owner]))),
    };
  }

  async function find(record: string): Promise<Begun | undefined> {
    const [status, headers, body] = await redis.hmgetBuffer(record, 'status', 'headers', 'body');
    if (!status || !headers) return undefined;
    if (!body) return { state: 'not-replayable', status: Number(status) };
    const answer = { status: Number(status), headers: JSON.parse(headers.toString()) as string[], body };
    return { state: 'replay', answer };
  }

  async function take(
    record: string,
    owner: string,
    fingerprint: string,
    { inFlightMs, keepMs }: IdempotencyOptions,
  ): Promise<Begun> {
    // Once more where the outcome ended between the two commands.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const [state, leftMs] = await beginScript.run(redis, [record], [fingerprint, owner, inFlightMs]);
      if (state === 'started') return started(record, owner, keepMs);
      if (state === 'mismatch') return { state };
      if (state === 'in-flight') return { state, retryAfterSeconds: retryAfter(inFlightMs, leftMs) };
      const found = await find(record);
      if (found) return found;
    }
    throw new Error('the outcome of an Idempotency-Key is there and not there');
  }

  return {
    async begin(scope, fingerprint, options) {
      const record = keys('idempotency', hashOf(scope));
      const taken = take(record, randomUUID(), fingerprint, options);
      try {
        const begun = await within(taken);
        outcomes.inc({ outcome: begun.state });
        back();
        return begun;
      } catch (error) {
        away('unavailable', error);
        // A key that is taken after all would be refused until it lapses.
        void taken
          .then((late) => (late.state === 'started' ? late.abandon() : undefined))
          .catch(() => undefined);
        throw error;
      }
    },
  };
}

const hashOf = ({ principal, route, key }: IdempotencyScope): string =>
  createHash('sha256')
    .update(JSON.stringify([principal, route, key]))
    .digest('base64url');

/** Names and values in turn: a value stays with its name. */
const isKept = (_: string, index: number, headers: string[]): boolean =>
  keptHeaders.has((headers[index - (index % 2)] ?? '').toLowerCase());

/** As long again as it has taken so far: whoever waits asks seldom, and never after the key is free anyway. */
const retryAfter = (inFlightMs: number, leftMs: number): number =>
  Math.max(1, Math.ceil(Math.min(inFlightMs - leftMs, leftMs) / 1_000));

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    // After a stall of our own, what has come in meanwhile is read first.
    const giveUp = () => reject(new Error(`Redis has not answered for ${limitMs} ms`));
    timer = setTimeout(() => setImmediate(giveUp), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

const atMost = (work: Promise<void>): Promise<void> => within(work).catch(() => undefined);
