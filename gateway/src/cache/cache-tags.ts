const none: readonly string[] = [];

/** What an answer of a route with this tag shows: many, or the one of this id. Whoever changes that, purges it. */
export const listTag = (tag: string): string => `${tag}s`;
export const itemTag = (tag: string, id: string): string => `${tag}:${id}`;

/** Which keys of a cache carry which tag. */
export interface TagIndex {
  add(key: string, tags: readonly string[] | undefined): void;
  remove(key: string, tags: readonly string[] | undefined): void;
  keysOf(tag: string): string[];
}

export function createTagIndex(): TagIndex {
  const keysByTag = new Map<string, Set<string>>();
  return {
    add(key, tags = none) {
      for (const tag of tags) {
        const keys = keysByTag.get(tag);
        if (keys) keys.add(key);
        else keysByTag.set(tag, new Set([key]));
      }
    },
    remove(key, tags = none) {
      for (const tag of tags) {
        const keys = keysByTag.get(tag);
        if (keys?.delete(key) && keys.size === 0) keysByTag.delete(tag);
      }
    },
    keysOf: (tag) => [...(keysByTag.get(tag) ?? none)],
  };
}

/** What was purged while answers were on their way: one that is older than its purge must not be kept. */
export interface PurgeLog {
  /** How many purges there have been; the moment to ask about later. */
  count(): number;
  /** Of one tag, or of everything. */
  note(tag?: string): void;
  hasHappenedSince(count: number, tags: readonly string[] | undefined): boolean;
  /** Nobody will ask about a moment before this one. */
  forget(): void;
}

const mostTags = 10_000;

export function createPurgeLog(): PurgeLog {
  const lastByTag = new Map<string, number>();
  let purges = 0;
  let lastOfAll = 0;

  return {
    count: () => purges,
    note(tag) {
      purges += 1;
      if (tag !== undefined && lastByTag.size < mostTags) lastByTag.set(tag, purges);
      else lastOfAll = purges;
    },
    hasHappenedSince: (count, tags = none) =>
      lastOfAll > count || tags.some((tag) => (lastByTag.get(tag) ?? 0) > count),
    forget: () => lastByTag.clear(),
  };
}
