export interface SlidingCount {
  add(count: number): void;
  total(): number;
  clear(): void;
}

/** What happened in about the last `windowMs`; it forgets in `parts` steps, so memory and work stay the same at any rate. */
export function createSlidingCount(options: {
  windowMs: number;
  parts: number;
  now: () => number;
}): SlidingCount {
  const { parts, now } = options;
  const partMs = options.windowMs / parts;
  const counts = new Float64Array(parts);
  let current = Math.floor(now() / partMs);
  let sum = 0;

  function forget(): void {
    const part = Math.floor(now() / partMs);
    const gone = Math.min(part - current, parts);
    for (let step = 1; step <= gone; step += 1) {
      const index = (current + step) % parts;
      sum -= counts[index] ?? 0;
      counts[index] = 0;
    }
    if (part > current) current = part;
  }

  return {
    add(count) {
      forget();
      const index = current % parts;
      counts[index] = (counts[index] ?? 0) + count;
      sum += count;
    },
    total() {
      forget();
      return sum;
    },
    clear() {
      counts.fill(0);
      sum = 0;
    },
  };
}
