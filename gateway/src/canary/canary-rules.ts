import { createHash } from 'node:crypto';
import type { Instance } from '@onrush/chassis/discovery';
import { z } from 'zod';

const percentage = z
  .number('expected a percentage, such as 5 or 0.25')
  .min(0, 'expected a percentage from 0 to 100')
  .max(100, 'expected a percentage from 0 to 100')
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, 'expected at most two decimals');

const rollback = z.strictObject({
  /** The share of failed answers that a canary may have; 1: it is never rolled back for errors. */
  error_rate: z
    .number()
    .min(0.001, 'expected a share from 0.001 to 1')
    .max(1, 'expected a share from 0.001 to 1')
    .default(0.05),
  /** What 95 % of its answers have to keep; without it latency is not judged. */
  p95_ms: z.number().positive().max(60_000).optional(),
  window_seconds: z.int().min(2).max(30).default(10),
  /** A window with fewer answers of the canary is not judged; the sequential test has no need of this. */
  min_requests: z.int().min(1).max(100_000).default(20),
  /** The most requests that may wait for the canary at one gateway; default 20 for each percent, at least 100. */
  max_pending: z.int().min(1).max(100_000).optional(),
});

const upstreamRules = z.strictObject({
  /** Whose `X-Canary` counts: nobody's, that of users with the permission `gateway.canary`, or everybody's (closed networks, laptops). */
  header: z.enum(['off', 'staff', 'anyone']).default('staff'),
  /** Ids of users that the canary serves. */
  users: z
    .array(z.string().regex(/^\d{1,19}$/, 'expected the id of a user, as a string of digits'))
    .max(10_000, 'at most 10,000 users: take a percentage for more')
    .default([]),
  /** Of the users that are logged in. */
  percent: percentage.default(0),
  /** Percentage of the addresses of those who are not. */
  weight: percentage.default(0),
  /** The canary version that is meant; any unless said. */
  version: z.string().min(1).max(64).optional(),
  rollback: rollback.prefault({}),
});

/** By the name of the upstream. */
export const canarySchema = z.record(
  z.string().regex(/^[a-z]+(-[a-z]+)*$/, 'expected the name of a service, such as seckill-service'),
  upstreamRules,
);
export type CanaryConfig = z.output<typeof canarySchema>;

/** The rules of one upstream, ready to be asked at each request. */
export interface CanaryRule {
  upstream: string;
  header: 'off' | 'staff' | 'anyone';
  users: ReadonlySet<string>;
  /** How many of the 10,000 slots of users, and of addresses, belong to the canary. */
  userSlots: number;
  addressSlots: number;
  seed: number;
  version: string | undefined;
  isCanary: (instance: Instance) => boolean;
  /** Whether it takes anybody besides those who ask for it by a permission. */
  isOpen: boolean;
  rollback: {
    errorRate: number;
    p95Ms: number | undefined;
    windowSeconds: number;
    minRequests: number;
    maxPending: number;
  };
  /** Another text where anything of the rules is another. */
  fingerprint: string;
}

export interface CanaryRules {
  of(upstream: string): CanaryRule;
}

/** Done once for each change of the configuration. An upstream without an entry has the defaults: staff may ask for its canary. */
export function compileRules(config: CanaryConfig): CanaryRules {
  const rules = new Map<string, CanaryRule>();
  return {
    of(upstream) {
      let rule = rules.get(upstream);
      if (!rule) rules.set(upstream, (rule = compile(upstream, config[upstream] ?? upstreamRules.parse({}))));
      return rule;
    },
  };
}

function compile(upstream: string, entry: z.output<typeof upstreamRules>): CanaryRule {
  const { header, users, percent, weight, version, rollback } = entry;
  return {
    upstream,
    header,
    users: new Set(users),
    userSlots: Math.round(percent * 100),
    addressSlots: Math.round(weight * 100),
    // With the version: the users who try this release are not those who tried the one before.
    seed: hash(0x811c9dc5, `${upstream}:${version ?? ''}:`),
    version,
    isCanary:
      version === undefined ? isAnyCanary : (instance) => instance.canary && instance.version === version,
    isOpen: header === 'anyone' || users.length > 0 || percent > 0 || weight > 0,
    rollback: {
      errorRate: rollback.error_rate,
      p95Ms: rollback.p95_ms,
      windowSeconds: rollback.window_seconds,
      minRequests: rollback.min_requests,
      maxPending: rollback.max_pending ?? Math.max(100, Math.ceil(20 * Math.max(percent, weight))),
    },
    fingerprint: createHash('sha256').update(JSON.stringify(entry)).digest('base64url').slice(0, 22),
  };
}

const isAnyCanary = (instance: Instance) => instance.canary;

/** 0 to 9,999: the same for the same text for ever, and spread evenly (FNV-1a, mixed by the end of MurmurHash3). */
export function slotOf(seed: number, text: string): number {
  let mixed = hash(seed, text);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) % 10_000;
}

function hash(seed: number, text: string): number {
  let state = seed;
  for (let index = 0; index < text.length; index += 1)
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  return state;
}
