import type { Metrics } from '@onrush/chassis/metrics';

/** By route. `crowd`: buys and public reads. `winner`: what those ask for who have won: orders, pay, result, and provider callbacks. */
export type Priority = 'crowd' | 'normal' | 'winner';

export interface ConcurrencyLimit {
  /** A token for `release`, or `shed`. There is no object to it, since every request takes one. */
  acquire(priority: Priority): number;
  /**
   * Exactly once for each token. `dropped`: ran into its deadline; `ignored`: its time says nothing about the load (a stream, a refused request,
   * a client that went away).
   */
  release(token: number, outcome: 'ok' | 'dropped' | 'ignored'): void;
  limit(): number;
  inFlight(): number;
}

export const shed = -1;

export interface ConcurrencyLimitOptions {
  initial: number;
  min: number;
  max: number;
  /** Milliseconds, monotonic, with fractions. */
  now: () => number;
  metrics: Metrics;
  /** How far the event loop is behind, in milliseconds. */
  loopDelayMs?: () => number;
  /** An average latency up to twice this is never taken for a queue: batches make latencies jump at rest, and hurt nobody. */
  rttFloorMs?: number;
}

/** Of the limit, counting everybody in flight: what is left above a share is reserved for those who rank higher. */
const shares: Record<Priority, number> = {
  crowd: 0.7,
  normal: 0.85,
  // The crowd can fill its own share only. Winners are capped as well: whoever asks for orders need not have won, and whoever sends a callback
  // need not be a provider. What bounds those are the limits of users and addresses.
  winner: 2,
};
/** Above this delay of the event loop, the share of the crowd shrinks in proportion. */
const loopDelayLimitMs = 200;

/**
 * How many requests may be in flight in this process, found from their latencies; see `createEstimator`. A request above the share of its priority is
 * shed at once, while that is still cheap.
 */
export function createConcurrencyLimit(options: ConcurrencyLimitOptions): ConcurrencyLimit {
  const { now, metrics, loopDelayMs = () => 0 } = options;
  const estimator = createEstimator(options);
  const refused = { crowd: 0, normal: 0, winner: 0 };
  let inFlight = 0;
  measure(metrics, {
    limit: () => estimator.limit(),
    inFlight: () => inFlight,
    takeRefused(priority) {
      const count = refused[priority];
      refused[priority] = 0;
      return count;
    },
  });

  function allowed(priority: Priority): number {
    const most = estimator.limit() * shares[priority];
    if (priority !== 'crowd') return most;
    const delayMs = loopDelayMs();
    return delayMs > loopDelayLimitMs ? (most * loopDelayLimitMs) / delayMs : most;
  }

  return {
    acquire(priority) {
      if (inFlight >= allowed(priority)) {
        refused[priority] += 1;
        return shed;
      }
      inFlight += 1;
      estimator.use(inFlight);
      return now();
    },
    release(token, outcome) {
      inFlight -= 1;
      if (outcome !== 'ignored') estimator.sample(now(), token, outcome === 'dropped');
    },
    limit: () => Math.floor(estimator.limit()),
    inFlight: () => inFlight,
  };
}

interface Readings {
  limit(): number;
  inFlight(): number;
  /** How many since the last time. */
  takeRefused(priority: Priority): number;
}

/** Read when they are asked for: a metric touched by every request costs more than the limit itself. */
function measure(metrics: Metrics, readings: Readings): void {
  metrics.gauge('gateway_concurrency_limit', 'Requests that may be in flight', [], {
    collect: (gauge) => gauge.set(Math.floor(readings.limit())),
  });
  metrics.gauge('gateway_in_flight', 'Requests in flight', [], {
    collect: (gauge) => gauge.set(readings.inFlight()),
  });
  metrics.counter('gateway_shed_total', 'Requests shed by the concurrency limit', ['priority'], (counter) => {
    for (const priority of ['crowd', 'normal', 'winner'] as const)
      counter.inc({ priority }, readings.takeRefused(priority));
  });
}

const windowMs = 50;
const windowSamples = 100;
/** So that a quiet gateway learns, too. */
const quietWindowMs = 1_000;
const quietSamples = 10;
/** Timeouts below this share of a window are one slow route, not an overload. */
const toleratedDrops = 0.01;
/** An average latency of more than so many times the usual one is a queue. */
const tolerance = 2;
/** So many windows in a row are a queue that stands. A stall is one, however long, and what has gathered behind it is another. */
const standing = 3;
/** Of √limit, for each window in which it was in use without a queue; and of what a crowd has taken, for each in which it was not in use. */
const growing = 0.2;
const noQueue = { windows: 0, answered: 0, ms: 0 };

/**
 * Gathers latencies in windows of at least 50 ms and 100 samples, and moves the limit once for each. A queue that stands is known by its windows in a
 * row, as CoDel knows one (RFC 8289), but only where the crowd has all of its share: nearer to the peak a stall leaves a queue that goes by itself, and
 * who is shed for it is shed for nothing. Where there is no queue the limit grows by a part of √limit, the queue that it allows, as Gradient2 does in
 * Netflix's concurrency-limits. https://github.com/Netflix/concurrency-limits (Gradient2Limit.java)
 */
function createEstimator(options: ConcurrencyLimitOptions) {
  const { min, max, rttFloorMs = 50 } = options;
  const clamp = (value: number) => Math.min(Math.max(value, min), max);
  const initial = clamp(options.initial);
  let limit = initial;
  let longRttMs = 0;
  let window = emptyWindow(options.now());
  let queue = noQueue;

  function close(at: number): void {
    const { startedAt, answered, dropped, sumMs, mostInFlight } = window;
    window = emptyWindow(at);
    if (dropped > (answered + dropped) * toleratedDrops) {
      limit = clamp(limit * 0.9);
    } else if (answered > 0) {
      const rttMs = sumMs / answered;
      const inUse = mostInFlight >= limit / 2;
      longRttMs = nextLongRtt(longRttMs, rttMs, inUse);
      const mostMs = tolerance * Math.max(longRttMs, rttFloorMs);
      const isCrowded = mostInFlight >= limit * shares.crowd;
      if (rttMs <= mostMs) grow(inUse);
      else if (isCrowded) return queued({ answered, ms: at - startedAt, mostMs });
      queue = noQueue;
    }
  }

  /** What a crowd has taken from it comes back when the crowd has gone: the next one may begin with a stall. */
  function grow(inUse: boolean): void {
    if (inUse) limit = clamp(limit + Math.sqrt(limit) * growing);
    else limit = Math.max(limit, limit + (initial - limit) * growing);
  }

  /** One that stands is cut to what is answered, at its rate, within the time that is no queue (Little's law): that is the crowd's share. */
  function queued({ answered, ms, mostMs }: { answered: number; ms: number; mostMs: number }): void {
    queue = { windows: queue.windows + 1, answered: queue.answered + answered, ms: queue.ms + ms };
    if (queue.windows < standing) return;
    limit = Math.min(limit, clamp(((queue.answered / queue.ms) * mostMs) / shares.crowd));
    queue = noQueue;
  }

  return {
    limit: () => limit,
    use(inFlight: number): void {
      if (inFlight > window.mostInFlight) window.mostInFlight = inFlight;
    },
    sample(at: number, startedAt: number, isDropped: boolean): void {
      if (isDropped) window.dropped += 1;
      else {
        window.answered += 1;
        window.sumMs += at - startedAt;
      }
      const samples = window.answered + window.dropped;
      const ageMs = at - window.startedAt;
      const isFull = ageMs >= windowMs && samples >= windowSamples;
      if (isFull || (ageMs >= quietWindowMs && samples >= quietSamples)) close(at);
    },
  };
}

const emptyWindow = (startedAt: number) => ({
  startedAt,
  answered: 0,
  dropped: 0,
  sumMs: 0,
  mostInFlight: 0,
});

/** Of an average over about 600 windows, as Gradient2 has it. */
const longWeight = 2 / 601;

/**
 * The usual latency. It learns longer ones only while less than half of the limit is in use: in Gradient2, a crowd that stays for minutes teaches it
 * that a queue is usual, and the limit drifts upwards.
 */
function nextLongRtt(longMs: number, rttMs: number, inUse: boolean): number {
  if (longMs === 0) return rttMs;
  if (rttMs > longMs && inUse) return longMs;
  const next = longMs + (rttMs - longMs) * longWeight;
  // After an overload the average comes down faster.
  return next > rttMs * 2 ? next * 0.95 : next;
}
