/** What many ask for at once is read once: who asks during a read, or within `ttlMs` of its beginning, shares what it finds. */
export interface SharedReads<T> {
  get(key: string): Promise<T>;
  /** What is known of this key, or of all, may not be true any more. A read that is on its way is shared with nobody who asks later. */
  forget(key?: string): void;
}

interface Shared<T> {
  found: Promise<T>;
  isReading: boolean;
  until: number;
}

/**
 * A failure is shared like any other outcome, so that a server in trouble is asked no more often than one that is well. Of more than `limit`
 * keys the one that was read first is forgotten: clients choose the keys, so they must not choose how much is kept.
 */
export function createSharedReads<T>(options: {
  read: (key: string) => Promise<T>;
  ttlMs: number;
  limit: number;
  now?: () => number;
}): SharedReads<T> {
  const { read, ttlMs, limit, now = () => performance.now() } = options;
  const all = new Map<string, Shared<T>>();

  function start(key: string): Promise<T> {
    const shared: Shared<T> = { found: read(key), isReading: true, until: now() + ttlMs };
    const done = () => void (shared.isReading = false);
    shared.found.then(done, done);
    // The youngest is the last, so that the first is the oldest.
    all.delete(key);
    all.set(key, shared);
    const [oldest] = all.keys();
    if (all.size > limit && oldest !== undefined) all.delete(oldest);
    return shared.found;
  }

  return {
    get(key) {
      const known = all.get(key);
      return known && (known.isReading || now() < known.until) ? known.found : start(key);
    },
    forget(key) {
      if (key === undefined) all.clear();
      else all.delete(key);
    },
  };
}
