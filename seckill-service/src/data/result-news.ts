import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from '@onrush/chassis/redis';
import type { ResultChange } from '../domain/reservation';

/** Tells every process what became of reservations, on a channel for each activity: nobody hears of sales that nobody of theirs follows. */
export interface ResultNews {
  /** Not more than a hint to be quick: whoever misses it finds out from the ledger. */
  tell(activityId: string, change: ResultChange): void;
}

export const resultChannel = (keys: Keys, activityId: string): string =>
  keys.tagged(`a:${activityId}`)('results');

export const createResultNews = ({ redis, keys }: { redis: Redis; keys: Keys }): ResultNews => ({
  tell: (activityId, change) =>
    void redis.publish(resultChannel(keys, activityId), JSON.stringify(change)).catch(() => undefined),
});

const form = z.object({
  status: z.enum(['ORDERED', 'REJECTED', 'RELEASED']),
  reason: z.string().nullable(),
  at: z.coerce.date(),
  ids: z.array(z.string()),
});

/** Undefined where another version of this service has other words for it: the ledger will tell. */
export function parseResultChange(message: string): ResultChange | undefined {
  try {
    return form.safeParse(JSON.parse(message)).data;
  } catch {
    return undefined;
  }
}
