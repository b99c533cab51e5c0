import type { Redis } from 'ioredis';
import type { Counter } from 'prom-client';
import type { Keys } from '@onrush/chassis/redis';
import type { Decision } from './decision';
import type { Gateways } from './gateways';
import type { ClassLimits, Limit, RateClass, Scope } from './limits';
import type { RedisLink } from './redis-link';

/** The limit of one scope of one class: a bucket or a window for each caller. */
export interface LimitOfScope {
  take(key: string, now: number): Decision | Promise<Decision>;
  /** Another limit, from now on. False, and nothing is changed, where it is one of the other algorithm. */
  change(limit: Limit, withoutRedis: ClassLimits['without_redis']): boolean;
  /** Forgets callers who need not be remembered. */
  sweep(now: number): void;
}

/** What the limits of all scopes share. */
export interface LimitDeps {
  redis: Redis;
  keys: Keys;
  link: RedisLink;
  gateways: () => Gateways;
  /** Changes when the gateways or the link have. */
  version: () => number;
  now: () => number;
  /** Callers that one scope of one class remembers. */
  mostCallers: number;
  leases: Counter<'result'>;
}

export interface ScopeName {
  rateClass: RateClass;
  scope: Scope;
}

/** The user's limit bears the name of the class alone. */
export const policyName = ({ rateClass, scope }: ScopeName): string =>
  scope === 'user' ? rateClass : `${rateClass}-${scope.replace('_', '-')}`;
