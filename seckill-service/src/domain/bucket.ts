import type { Activity } from './activity';

/**
 * A hot activity is split into buckets: each is a live sale of its own in Redis, with its share of the units and of the buyers, so that several
 * nodes of a cluster sell it together. An activity of one bucket is the live sale itself.
 */
export type Split = Pick<Activity, 'id' | 'buckets'>;

/** The most units of memory that looking for slots may cost: who asks for others finds them again. */
const mostKnown = 1_000;
const slots = 16_384;
const known = new Map<string, string[]>();

/**
 * The live sales of an activity, as the hash tags of their keys name them: `12` alone, or `12:0`, `12:1.5` and so on. What follows the point puts each
 * bucket into a share of the slots of its own: as a cluster deals out its slots, buckets go to different nodes.
 */
export function salesOf({ id, buckets }: Split): string[] {
  if (buckets === 1) return [id];
  const key = `${id}/${buckets}`;
  let sales = known.get(key);
  if (!sales) {
    if (known.size >= mostKnown) known.clear();
    sales = Array.from({ length: buckets }, (_, bucket) => inShare(`${id}:${bucket}`, bucket, buckets));
    known.set(key, sales);
  }
  return sales;
}

function inShare(sale: string, bucket: number, buckets: number): string {
  for (let salt = 0; ; salt += 1) {
    const candidate = salt === 0 ? sale : `${sale}.${salt}`;
    if (Math.floor((slotOf(`a:${candidate}`) * buckets) / slots) === bucket) return candidate;
  }
}

/** Where everything is that one user holds: the record, the limit, the Idempotency-Keys and the tokens that are used up. */
export function homeOf(activity: Split, userId: string): string {
  if (activity.buckets === 1) return activity.id;
  return salesOf(activity)[slotOf(userId) % activity.buckets] ?? activity.id;
}

export const activityOf = (sale: string): string => {
  const colon = sale.indexOf(':');
  return colon < 0 ? sale : sale.slice(0, colon);
};

export const isBucket = (sale: string): boolean => sale.includes(':');

/** What belongs to each live sale of an activity, by the user that it is of. Those without any are left out. */
export function byHome<T>(
  activity: Split,
  items: Iterable<T>,
  userOf: (item: T) => string,
): Map<string, T[]> {
  return Map.groupBy(items, (item) => homeOf(activity, userOf(item)));
}

/** As evenly as whole units go. */
export const deal = (units: number, buckets: number): number[] =>
  Array.from({ length: buckets }, (_, bucket) => Math.floor((units + bucket) / buckets));

/** The slot of Redis Cluster: CRC16 (XMODEM). Of a user id it is no more than a hash that stays the same. */
function slotOf(text: string): number {
  let crc = 0;
  for (let index = 0; index < text.length; index += 1) {
    crc ^= text.charCodeAt(index) << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % slots;
}
