import { isTokenBucket, type Limit } from './limits';

/** The answer to one request, and what is to be told about it. */
export interface Decision {
  allowed: boolean;
  /** Why not: the quota is used up (429), or nobody can say whether it is (503). */
  reason: 'limited' | 'unavailable' | undefined;
  /** Name of the limit that decided: the class, and the scope where it is not the user's; empty where there is no limit. */
  policy: string;
  /** The most requests in one burst. */
  quota: number;
  /** In this time an empty quota becomes a whole one. */
  windowSeconds: number;
  /** What is surely left: other gateways may have more of it. */
  remaining: number;
  /** When the quota is whole again if nothing more is asked for; of a refusal: `retryAfterSeconds`. */
  resetSeconds: number;
  /** 0 where it is allowed. */
  retryAfterSeconds: number;
}

/** A limit as clients are told of it. */
export interface Policy {
  name: string;
  quota: number;
  windowSeconds: number;
}

export const policyOf = (name: string, limit: Limit): Policy =>
  isTokenBucket(limit)
    ? { name, quota: limit.burst, windowSeconds: Math.ceil(limit.burst / limit.rate) }
    : { name, quota: limit.quota, windowSeconds: limit.window_seconds };

export const unlimited: Decision = Object.freeze(decide({ name: '', quota: 0, windowSeconds: 0 }, 0, 0));

export const allowedBy = (policy: Policy, remaining: number, resetSeconds: number): Decision =>
  decide(policy, remaining, resetSeconds);

/** The wait is rounded up, and spread a little: those who were refused together do not come back together. */
export function refusedBy(policy: Policy, waitMs: number): Decision {
  const seconds = Math.min(waitMs, maxWaitMs) / 1_000;
  return refuse(policy, 'limited', Math.ceil(seconds + Math.random() * Math.max(1, seconds / 10)) || 1);
}

export const unavailable = (policy: Policy): Decision => refuse(policy, 'unavailable', 1);

const maxWaitMs = 86_400_000;

function decide({ name, quota, windowSeconds }: Policy, remaining: number, resetSeconds: number): Decision {
  return {
    allowed: true,
    reason: undefined,
    policy: name,
    quota,
    windowSeconds,
    remaining,
    resetSeconds,
    retryAfterSeconds: 0,
  };
}

function refuse(policy: Policy, reason: 'limited' | 'unavailable', seconds: number): Decision {
  const decision = decide(policy, 0, seconds);
  decision.allowed = false;
  decision.reason = reason;
  decision.retryAfterSeconds = seconds;
  return decision;
}

/**
 * Names and values in turn, as draft-ietf-httpapi-ratelimit-headers has them: `q` of a quota in `w` seconds, `r` of it left, and `t` seconds
 * until it is whole or, of a refusal, until there is some. `Retry-After` (RFC 9110, 10.2.3) says the same as `t`.
 */
export function rateLimitHeaders(decision: Decision): string[] {
  const { policy, quota, windowSeconds, remaining, resetSeconds, retryAfterSeconds } = decision;
  if (policy === '') return [];
  const headers = [
    'RateLimit-Policy',
    `"${policy}";q=${quota};w=${windowSeconds}`,
    'RateLimit',
    `"${policy}";r=${remaining};t=${resetSeconds}`,
  ];
  if (!decision.allowed) headers.push('Retry-After', String(retryAfterSeconds));
  return headers;
}
