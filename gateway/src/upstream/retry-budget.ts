import { createSlidingCount } from './sliding-count';

export interface RetryBudget {
  /** Once for each call, before its first attempt. */
  deposit(): void;
  /** True if one retry may be made now; it is then spent. */
  tryWithdraw(): boolean;
}

const windowMs = 10_000;
const ratio = 0.1;
const minPerSecond = 1;

/**
 * Retries stay below a tenth of the calls of the last ten seconds, plus one a second so that a quiet gateway may retry at all: when everything
 * fails, an upstream gets a tenth more than it was sent, not three times as much. (Finagle's RetryBudget; Site Reliability Engineering, ch. 22.)
 */
export function createRetryBudget({
  now,
}: {
  /** Milliseconds, monotonic. */
  now: () => number;
}): RetryBudget {
  const calls = createSlidingCount({ windowMs, parts: 10, now });
  const retries = createSlidingCount({ windowMs, parts: 10, now });
  const reserve = (minPerSecond * windowMs) / 1_000;
  return {
    deposit: () => calls.add(1),
    tryWithdraw() {
      if (retries.total() + 1 > calls.total() * ratio + reserve) return false;
      retries.add(1);
      return true;
    },
  };
}
