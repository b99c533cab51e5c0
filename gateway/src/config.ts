import { commaList, flag, integer, loadConfig, processConfig, redisConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const limit = z.strictObject({
  /** Tokens a second. */
  rate: z.number().positive(),
  /** The most tokens that a bucket holds. */
  burst: z.int().positive(),
});
const limits = z.strictObject({
  login: limit.default({ rate: 10 / 60, burst: 20 }),
  register: limit.default({ rate: 5, burst: 50 }),
  session: limit.default({ rate: 500, burst: 5_000 }),
  read: limit.default({ rate: 2_000, burst: 4_000 }),
  write: limit.default({ rate: 50, burst: 100 }),
  buy: limit.default({ rate: 20, burst: 40 }),
  callback: limit.default({ rate: 5_000, burst: 10_000 }),
});
const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'expected JSON' });
    return z.NEVER;
  }
});

const schema = z.object({
  ...processConfig,
  ...redisConfig,
  /** Token buckets by rate class; of a user where one is logged in, else of an address. */
  rateLimits: z.union([limits, json.pipe(limits)]).default(limits.parse({})),
  /** How many proxies in front of us add to X-Forwarded-For; 0: the peer is the client. */
  trustedHops: integer(0, 10).default(0),
  /** Origins of browsers that may call; none unless said. */
  corsOrigins: commaList.default([]),
  /** Whether `X-Canary` of a client chooses canary instances. */
  canaryHeaderEnabled: flag.default(true),
  bodyLimitBytes: integer(1_024, 10_485_760).default(65_536),
  /** A purchase that has no answer after this long is told to come back. */
  buyTimeoutMs: integer(100, 30_000).default(2_000),
});

/** What may change while the gateway runs (live-settings.ts). */
export const dynamicSchema = z.strictObject({
  rate_limits: z.partialRecord(z.enum(limits.keyof().options), limit).optional(),
  canary_header_enabled: z.boolean().optional(),
});

export type Config = z.output<typeof schema>;
export type RateClass = keyof z.output<typeof limits>;
export type Limit = z.output<typeof limit>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'gateway', schema });
