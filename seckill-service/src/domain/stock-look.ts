/** The units of one bucket at one moment. */
export interface BucketLook {
  sale: string;
  free: number;
  /** Units that ever came back or were added in this epoch. */
  came: number;
  /** Units that ever went to each bucket, and that ever came from each, by its number. */
  sent: number[];
  got: number[];
}

/** All buckets of an activity, each at a moment of its own: units may have moved between those moments. */
export interface StockLook {
  epoch: string;
  perUserLimit: number;
  buckets: BucketLook[];
}

export interface Transfer {
  from: number;
  to: number;
  /** Units ever sent that way. */
  sent: number;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/**
 * Free units, and those on their way. Each bucket counts what it sent and what it got, so that a unit which moves is counted once, whenever each of them
 * was looked at: the sum changes by what buyers take and by what comes, and by nothing else.
 */
export const unitsIn = ({ buckets }: StockLook): number =>
  sum(buckets.map(({ free, sent, got }) => free + sum(sent) - sum(got)));

/**
 * There was a moment between the two looks at which at most as many units were free in all buckets together, those on their way included: what the
 * earlier look has found, and what has come since.
 */
export function mostUnitsBetween(earlier: StockLook, later: StockLook): number {
  if (earlier.epoch !== later.epoch) return Number.POSITIVE_INFINITY;
  const cameOf = ({ buckets }: StockLook) => sum(buckets.map(({ came }) => came));
  return unitsIn(earlier) + cameOf(later) - cameOf(earlier);
}

/** What was sent and has not come: whoever sent it is about to put it there, or died. */
export const onTheWay = ({ buckets }: StockLook): Transfer[] =>
  buckets.flatMap((bucket, from) =>
    bucket.sent.flatMap((sent, to) => (sent > (buckets[to]?.got[from] ?? 0) ? { from, to, sent } : [])),
  );

/** A bucket got more than another one has sent, though that one was asked later: it has forgotten what it had sent. */
export const hasForgotten = (earlier: StockLook, later: StockLook): boolean =>
  earlier.epoch === later.epoch &&
  earlier.buckets.some(({ got }, to) =>
    got.some((units, from) => units > (later.buckets[from]?.sent[to] ?? 0)),
  );
