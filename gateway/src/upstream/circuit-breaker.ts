import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { longestTimeoutMs } from '../routes';
import { createSlidingCount } from './sliding-count';

/** `ignored`: the call says nothing about the upstream, since its client went away. */
export type CallOutcome = 'ok' | 'failed' | 'ignored';

export interface CircuitBreaker {
  /** A pass for one call, to be given back to `leave`; 0 while the breaker is open. */
  enter(): number;
  leave(pass: number, outcome: CallOutcome): void;
  isClosed(): boolean;
  /** Milliseconds after which it is worth trying again: at most two seconds, since a probe that is out may be back at any time. */
  reopensInMs(): number;
}

export interface CircuitBreakerOptions {
  upstream: string;
  /** Milliseconds, monotonic. */
  now: () => number;
  metrics: Metrics;
  logger: Logger;
}

const windowMs = 10_000;
const minCalls = 20;
const failureRatio = 0.5;
const openMs = 2_000;
/** Above every route's deadline: a probe that has not ended by then is given up, and another one may go. */
const probeLimitMs = longestTimeoutMs + 5_000;

/**
 * Opens when at least half of at least twenty calls of the last ten seconds failed; after two seconds one call at a time tries again, and the
 * others are refused meanwhile (Nygard, Release It!, "Circuit Breaker"). A call that began before the last change decides nothing.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { upstream, now, logger } = options;
  const calls = createSlidingCount({ windowMs, parts: 10, now });
  const failures = createSlidingCount({ windowMs, parts: 10, now });
  const gauge = options.metrics.gauge('gateway_breaker_open', 'Circuit breakers: 1 is open', ['upstream'], {
    ofWorkers: 'max',
  });
  const openGauge = gauge.labels({ upstream });
  openGauge.set(0);
  /** Rises with every change: the passes of an earlier epoch are void. */
  let epoch = 1;
  let closed = true;
  /** While open: when the next probe may go. */
  let waitsUntil = 0;

  function open(): void {
    if (closed) {
      openGauge.set(1);
      logger.warn('circuit breaker opened', { upstream, calls: calls.total(), failures: failures.total() });
    }
    closed = false;
    epoch += 1;
    waitsUntil = now() + openMs;
  }

  function close(): void {
    closed = true;
    epoch += 1;
    calls.clear();
    failures.clear();
    openGauge.set(0);
    logger.info('circuit breaker closed', { upstream });
  }

  function count(outcome: 'ok' | 'failed'): void {
    calls.add(1);
    if (outcome === 'ok') return;
    failures.add(1);
    const total = calls.total();
    if (total >= minCalls && failures.total() >= total * failureRatio) open();
  }

  function settleProbe(outcome: CallOutcome): void {
    if (outcome === 'ok') close();
    else if (outcome === 'failed') open();
    else waitsUntil = now();
  }

  return {
    enter() {
      if (closed) return epoch;
      if (now() < waitsUntil) return 0;
      epoch += 1;
      waitsUntil = now() + probeLimitMs;
      return epoch;
    },
    leave(pass, outcome) {
      if (pass !== epoch) return;
      if (!closed) settleProbe(outcome);
      else if (outcome !== 'ignored') count(outcome);
    },
    isClosed: () => closed,
    reopensInMs: () => (closed ? 0 : Math.min(Math.max(waitsUntil - now(), 0), openMs)),
  };
}
