/** What a server is asked for a scrape: it never rejects, and is undefined where nothing is known that is not too old. */
export interface Reading<T> {
  latest(): Promise<T | undefined>;
}

export interface ReadingOptions<T> {
  read: () => Promise<T>;
  /** What was read is not read again for so long, however often it is asked for. */
  freshMs?: number;
  /** A scrape waits no longer than this. */
  patienceMs?: number;
  /** What could not be read again for so long is not shown any more. */
  longestMs?: number;
  now?: () => number;
}

/**
 * A value that is read when somebody looks at it, one question at a time: scrapes that come meanwhile wait for the same answer, and behind a server that
 * hangs no second question is put. What is late is shown to the next scrape.
 */
export function createReading<T>(options: ReadingOptions<T>): Reading<T> {
  const {
    read,
    freshMs = 5_000,
    patienceMs = 500,
    longestMs = 60_000,
    now = () => performance.now(),
  } = options;
  let last: { value: T; at: number } | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  async function readOnce(): Promise<void> {
    try {
      const value = await read();
      last = { value, at: now() };
    } catch {
      // Whoever uses the server says that it is away.
      failedAt = now();
    } finally {
      running = undefined;
    }
  }

  return {
    async latest() {
      const lookedAt = Math.max(last?.at ?? Number.NEGATIVE_INFINITY, failedAt);
      if (now() - lookedAt >= freshMs) {
        running ??= readOnce();
        await soon(running, patienceMs);
      }
      return last && now() - last.at < longestMs ? last.value : undefined;
    },
  };
}

function soon(work: Promise<void>, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(resolve, limitMs);
    void work.then(() => {
      clearTimeout(limit);
      resolve();
    });
  });
}
