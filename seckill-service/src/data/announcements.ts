import type { Redis } from 'ioredis';
import type { Keys } from '@onrush/chassis/redis';
import { activityOf } from '../domain/bucket';

/**
 * Call it after every change of a live sale that buyers must notice at once: units came back, or its state changed. Every process that answers
 * buyers then forgets what it remembered of the activity. One that does not hear of it finds out by asking Redis, a second later.
 */
export type Announce = (sale: string) => void;

/** Where the ids of the activities are told that were announced. */
export const announcements = (keys: Keys): string => keys('announcements');

export const createAnnounce =
  ({ redis, keys }: { redis: Redis; keys: Keys }): Announce =>
  (sale) =>
    void redis.publish(announcements(keys), activityOf(sale)).catch(() => undefined);
