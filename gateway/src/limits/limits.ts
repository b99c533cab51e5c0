import { z } from 'zod';

/** Allows bursts, and `rate` in the long run: for what is frequent. Most of it is decided without a round trip. */
const tokenBucket = z.strictObject({
  /** Tokens a second. */
  rate: z
    .number()
    .min(1 / 86_400)
    .max(1_000_000),
  /** The most tokens that a bucket holds. */
  burst: z.int().min(1).max(10_000_000),
});

/** Never more than `quota` in any `window_seconds`: for what is rare and must not be guessed. One round trip each. */
const slidingWindow = z.strictObject({
  quota: z.int().min(1).max(1_000),
  window_seconds: z.int().min(1).max(86_400),
});

/** The shape says the algorithm; null: no limit. */
const limit = z
  .union([tokenBucket, slidingWindow], {
    error: 'expected { rate, burst } or { quota, window_seconds }, in their bounds, or null',
  })
  .nullish();
const withoutRedis = z.enum(['local', 'closed']);

export type TokenBucket = z.output<typeof tokenBucket>;
export type SlidingWindow = z.output<typeof slidingWindow>;
export type Limit = TokenBucket | SlidingWindow;
export type Scope = 'user' | 'address' | 'api_key' | 'global';
/** What one class of routes allows to each user, address and API key, and to all together. */
export interface ClassLimits extends Partial<Record<Scope, Limit | null | undefined>> {
  /** Where Redis is gone: `local`, every gateway gives its share of the quota alone; `closed`, none gives anything. */
  without_redis: 'local' | 'closed';
}

/** A scope that is not named keeps its default. */
const classOf = ({
  without_redis = 'local',
  ...scopes
}: Partial<ClassLimits>): z.ZodType<ClassLimits, Partial<ClassLimits> | undefined> => {
  const scope = (name: Scope) => {
    const initial = scopes[name];
    return initial ? limit.default(initial) : limit;
  };
  const shape = {
    user: scope('user'),
    address: scope('address'),
    api_key: scope('api_key'),
    global: scope('global'),
    without_redis: withoutRedis.default(without_redis),
  };
  return z.strictObject(shape).prefault({});
};

const perSecond = (rate: number, burst: number): TokenBucket => ({ rate, burst });
const within = (window_seconds: number, quota: number): SlidingWindow => ({ quota, window_seconds });

/**
 * Behind one address may be an office or a whole mobile network, so that it has several times of what one user has, and a small part of what
 * all have together.
 */
export const limitsSchema = z.strictObject({
  login: classOf({ address: within(120, 20), global: perSecond(100, 400), without_redis: 'closed' }),
  code: classOf({
    user: within(600, 5),
    address: within(600, 20),
    global: perSecond(50, 200),
    without_redis: 'closed',
  }),
  register: classOf({ address: perSecond(5, 50), global: perSecond(100, 1_000) }),
  session: classOf({ address: perSecond(500, 5_000), global: perSecond(10_000, 50_000) }),
  read: classOf({
    user: perSecond(200, 400),
    address: perSecond(2_000, 4_000),
    api_key: perSecond(1_000, 2_000),
    global: perSecond(50_000, 100_000),
  }),
  write: classOf({
    user: perSecond(50, 100),
    address: perSecond(500, 1_000),
    api_key: perSecond(200, 400),
    global: perSecond(10_000, 20_000),
  }),
  buy: classOf({
    user: perSecond(20, 40),
    address: perSecond(1_000, 2_000),
    api_key: perSecond(100, 200),
    global: perSecond(40_000, 80_000),
  }),
  callback: classOf({ address: perSecond(5_000, 10_000), global: perSecond(20_000, 40_000) }),
});

export type RateClass = keyof typeof limitsSchema.shape;
export type Limits = Record<RateClass, ClassLimits>;

const changes = z.strictObject({
  user: limit,
  address: limit,
  api_key: limit,
  global: limit,
  without_redis: withoutRedis.optional(),
});

/** What operators change while the gateway runs: the scopes they name, of the classes they name. */
export const limitChangesSchema = z.partialRecord(z.enum(limitsSchema.keyof().options), changes);
export type LimitChanges = z.output<typeof limitChangesSchema>;

/** Classes and scopes that `changed` does not name stay as they are. */
export function mergeLimits(limits: Limits, changed: LimitChanges = {}): Limits {
  const merged = { ...limits };
  for (const rateClass of limitsSchema.keyof().options) {
    const change = changed[rateClass];
    if (!change) continue;
    const { without_redis = limits[rateClass].without_redis, ...scopes } = change;
    merged[rateClass] = { ...limits[rateClass], ...scopes, without_redis };
  }
  return merged;
}

export const isTokenBucket = (limit: Limit): limit is TokenBucket => 'rate' in limit;
