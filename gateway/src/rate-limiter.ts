import type { Redis } from 'ioredis';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Limit, RateClass } from './config';

export type Decision = { allowed: true } | { allowed: false; retryAfterSeconds: number };

/**
 * Token buckets, in two parts: a quarter of each bucket is this gateway's own and needs no round trip; the rest is in Redis, shared by all
 * gateways, and taken in leases. With one gateway the two add up to the limit; each further one adds its quarter. Without Redis only the
 * local quarter is left.
 */
export interface RateLimiter {
  /** Answers at once from the local share, which is the common case; a promise where Redis has to be asked. */
  take(rateClass: RateClass, key: string): Decision | Promise<Decision>;
  limitOf(rateClass: RateClass): Limit;
}

interface Bucket {
  tokens: number;
  at: number;
  leased: number;
  /** Until then Redis has nothing to give. */
  emptyUntil: number;
}

const localShare = 0.25;
const leaseShare = 0.1;
const bucketLimit = 200_000;
const allowed: Decision = { allowed: true };

const script = loadScript<[number, number]>(`${__dirname}/data`, 'take-tokens-1.lua');

export function createRateLimiter(options: {
  redis: Redis;
  keys: Keys;
  /** Asked at each request, since it may change. */
  limits: () => Record<RateClass, Limit>;
  logger: Logger;
  metrics: Metrics;
}): RateLimiter {
  const { redis, keys, limits, logger } = options;
  const buckets = new Map<RateClass, Map<string, Bucket>>();
  const refused = options.metrics.counter('gateway_rate_limited_total', 'Requests refused by a rate limit', [
    'class',
  ]);
  let redisIsAway = false;

  function bucketOf(rateClass: RateClass, key: string, capacity: number): Bucket {
    let ofClass = buckets.get(rateClass);
    if (!ofClass) buckets.set(rateClass, (ofClass = new Map<string, Bucket>()));
    let bucket = ofClass.get(key);
    if (!bucket) {
      bucket = { tokens: capacity, at: Date.now(), leased: 0, emptyUntil: 0 };
      ofClass.set(key, bucket);
      // The oldest key comes back with a full local share: at worst a quarter of a bucket too much.
      if (ofClass.size > bucketLimit) ofClass.delete(ofClass.keys().next().value ?? '');
    }
    return bucket;
  }

  async function lease(rateClass: RateClass, key: string, bucket: Bucket): Promise<Decision> {
    const { rate, burst } = limits()[rateClass];
    const shared = {
      rate: rate * (1 - localShare),
      burst: Math.max(1, Math.floor(burst * (1 - localShare))),
    };
    const asked = Math.max(1, Math.floor(burst * leaseShare));
    try {
      const [given, waitMs] = await script.run(
        redis,
        [keys('bucket', rateClass, key)],
        [shared.rate, shared.burst, asked],
      );
      redisIsAway = false;
      if (given > 0) {
        bucket.leased += given - 1;
        return allowed;
      }
      bucket.emptyUntil = Date.now() + waitMs;
      return refuse(rateClass, waitMs);
    } catch (error) {
      if (!redisIsAway) logger.error('rate limits are local only, Redis is away', { error });
      redisIsAway = true;
      bucket.emptyUntil = Date.now() + 1_000;
      return refuse(rateClass, 1_000 / (rate * localShare));
    }
  }

  function refuse(rateClass: RateClass, waitMs: number): Decision {
    refused.inc({ class: rateClass });
    return { allowed: false, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) };
  }

  return {
    limitOf: (rateClass) => limits()[rateClass],
    take(rateClass, key) {
      const { rate, burst } = limits()[rateClass];
      const capacity = Math.max(1, Math.floor(burst * localShare));
      const bucket = bucketOf(rateClass, key, capacity);
      const now = Date.now();
      bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) * rate * localShare) / 1_000);
      bucket.at = now;
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return allowed;
      }
      if (bucket.leased > 0) {
        bucket.leased -= 1;
        return allowed;
      }
      if (bucket.emptyUntil > now) return refuse(rateClass, bucket.emptyUntil - now);
      return lease(rateClass, key, bucket);
    },
  };
}

/** IETF draft-ietf-httpapi-ratelimit-headers: quota and window of the policy, what is left and when there is more. */
export const rateLimitHeaders = (
  rateClass: RateClass,
  { rate, burst }: Limit,
  retryAfterSeconds: number,
): Record<string, string> => ({
  'RateLimit-Policy': `"${rateClass}";q=${burst};w=${Math.ceil(burst / rate)}`,
  RateLimit: `"${rateClass}";r=0;t=${retryAfterSeconds}`,
  'Retry-After': String(retryAfterSeconds),
});
