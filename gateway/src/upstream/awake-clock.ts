export interface AwakeClock {
  /** Milliseconds; only differences mean anything. */
  now(): number;
  /** To be called at least every `longestMs`, by whoever looks for what is late. */
  tick(): void;
}

const longestMs = 250;

/**
 * A clock that goes on by a quarter of a second at the most from one tick to the next: a pause of the whole process (a frozen machine, a long
 * collection) is not held against those that answered in it, and whom nobody could hear.
 */
export function createAwakeClock(time: () => number): AwakeClock {
  let tickedAt = time();
  let shown = tickedAt;
  const now = () => shown + Math.min(time() - tickedAt, longestMs);
  return {
    now,
    tick() {
      shown = now();
      tickedAt = time();
    },
  };
}
