import type { Decision } from './decision';
import type { Share } from './shares';

/** What this gateway has of one caller's bucket. Times in milliseconds. */
export interface Bucket {
  tokens: number;
  /** Of the table's meter when `tokens` was true. */
  mark: number;
  /** Leased from the shared part, to be used until then. */
  spare: number;
  spareUntil: number;
  /** Until then the shared part has nothing to give. */
  emptyUntil: number;
  /** Those who wait for a lease. */
  line: Waiting[] | undefined;
}

export interface Waiting {
  since: number;
  answer(decision: Decision): void;
}

export interface Buckets {
  /** The bucket of a caller, filled up to now. */
  of(key: string, now: number): Bucket;
  /** The same for a bucket that is at hand. */
  fill(bucket: Bucket, now: number): Bucket;
  /** Tokens keep what they are, and fill by the new share from now on. */
  divide(share: Share, now: number): void;
  /** As `divide`, by another limit: what nobody has taken from is full of it. */
  change(share: Share, now: number): void;
  /** As `divide`, but everybody starts again with a full bucket. */
  startAgain(share: Share, now: number): void;
  /** Looks at some buckets, and forgets those that are full: a new one is the same. */
  sweep(now: number): void;
  size(): number;
}

const sweptAtOnce = 2_000;
const lookedAtBeforeEviction = 8;

/**
 * Local parts of buckets, at most `most`. A caller who is new gets what a bucket would have that nobody has taken from: full in general,
 * and less where the share was smaller a moment ago. If there is no room and no full bucket to forget, the next new ones start empty, so
 * that nobody gets a fresh burst by pushing his own bucket out.
 */
export function createBuckets({
  share: initial,
  most,
  now,
}: {
  share: Share;
  most: number;
  now: number;
}): Buckets {
  const buckets = new Map<string, Bucket>();
  let share = initial;
  /** Tokens that every bucket has been given so far: each reads from it what it has missed, also across a change of the rate. */
  let metered = 0;
  let meteredAt = now;
  const untouched = newBucket(initial.burst, 0);

  function meter(at: number): number {
    if (at > meteredAt) {
      metered += ((at - meteredAt) * share.rate) / 1_000;
      meteredAt = at;
    }
    return metered;
  }

  function fill(bucket: Bucket, at: number): Bucket {
    const level = meter(at);
    const tokens = bucket.tokens + level - bucket.mark;
    bucket.tokens = tokens < share.burst ? tokens : share.burst;
    bucket.mark = level;
    return bucket;
  }

  /** Nothing is lost with it, and nothing won. */
  const isFull = (bucket: Bucket, at: number): boolean =>
    fill(bucket, at).tokens === share.burst &&
    !bucket.line &&
    !(bucket.spare > 0 && bucket.spareUntil > at) &&
    bucket.emptyUntil <= at;

  /** Forgets the full ones among the first `count`; the others go to the end. */
  function forgetFull(count: number, at: number): void {
    let left = Math.min(count, buckets.size);
    for (const [key, bucket] of buckets) {
      if (left-- <= 0) return;
      buckets.delete(key);
      if (!isFull(bucket, at)) buckets.set(key, bucket);
    }
  }

  function makeRoom(at: number): void {
    forgetFull(lookedAtBeforeEviction, at);
    if (buckets.size < most) return;
    for (const [key, bucket] of buckets) {
      if (bucket.line) continue;
      buckets.delete(key);
      fill(untouched, at).tokens = 0;
      return;
    }
  }

  function divide(next: Share, at: number): void {
    fill(untouched, at);
    share = next;
    fill(untouched, at);
  }

  return {
    of(key, at) {
      const known = buckets.get(key);
      if (known) return fill(known, at);
      if (buckets.size >= most) makeRoom(at);
      const bucket = newBucket(fill(untouched, at).tokens, untouched.mark);
      buckets.set(key, bucket);
      return bucket;
    },
    fill,
    divide,
    change(next, at) {
      const wasFull = fill(untouched, at).tokens === share.burst;
      divide(next, at);
      if (wasFull) untouched.tokens = next.burst;
    },
    startAgain(next, at) {
      for (const [key, bucket] of buckets) if (!bucket.line) buckets.delete(key);
      divide(next, at);
      untouched.tokens = next.burst;
      for (const bucket of buckets.values()) fill(bucket, at).tokens = next.burst;
    },
    sweep: (at) => forgetFull(sweptAtOnce, at),
    size: () => buckets.size,
  };
}

const newBucket = (tokens: number, mark: number): Bucket => ({
  tokens,
  mark,
  spare: 0,
  spareUntil: 0,
  emptyUntil: 0,
  line: undefined,
});
