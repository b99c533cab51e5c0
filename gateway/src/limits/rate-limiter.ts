import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Keys } from '@onrush/chassis/redis';
import { addressKey } from './address-key';
import { createClassScopes, inTurn, type ClassScopes } from './class-scopes';
import { unlimited, type Decision } from './decision';
import { createGatewayWatch } from './gateways';
import type { LimitDeps } from './limit-of-scope';
import type { Limits, RateClass } from './limits';
import { createRedisLink } from './redis-link';

export interface Caller {
  user?: string | undefined;
  /** The name of the key, not the key. */
  apiKey?: string | undefined;
}

/**
 * Limits by class of route: of an address, a user, an API key, and of all together. They are asked in this order, the cheap and narrow ones
 * first, and each only if the ones before allowed: whoever is refused by a limit of his own takes nothing from the others.
 *
 * The answer is at hand in the common case, and a promise where Redis has to be asked. No request waits for Redis longer than 250 ms.
 */
export interface RateLimiter extends Component {
  /** Before anything else is done for a request. */
  takeForAddress(rateClass: RateClass, address: string): Decision | Promise<Decision>;
  /** Once it is known who asks; whoever is nobody (neither user nor key) is limited by his address, and with all together. */
  takeForCaller(rateClass: RateClass, caller: Caller): Decision | Promise<Decision>;
}

export interface LimiterOptions {
  redis: Redis;
  keys: Keys;
  /** Asked at each request, since they may change: the same object as long as they have not. */
  limits: () => Limits;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds that never go back. */
  now?: () => number;
  beatMs?: number;
  /** Callers that each scope of a class remembers. */
  mostCallers?: number;
}

export function createRateLimiter(options: LimiterOptions): RateLimiter {
  const { redis, keys, limits, logger, metrics, beatMs = 1_000 } = options;
  const now = options.now ?? (() => performance.now());
  let version = 0;
  const onChange = () => void (version += 1);
  const link = createRedisLink({ redis, logger, metrics, onChange });
  const watch = createGatewayWatch({
    redis,
    link,
    key: keys('gateways'),
    memberId: randomUUID(),
    beatMs,
    metrics,
    onChange,
  });
  const deps: LimitDeps = {
    redis,
    keys,
    link,
    now,
    gateways: watch.current,
    version: () => version,
    mostCallers: options.mostCallers ?? 100_000,
    leases: metrics.counter(
      'gateway_rate_limit_leases_total',
      'Leases of tokens from the part that all gateways share',
      ['result'],
    ),
  };
  const refused = metrics.counter('gateway_rate_limited_total', 'Requests refused by a rate limit', [
    'class',
    'scope',
  ]);
  const classes = {} as Record<RateClass, ClassScopes>;
  for (const rateClass of Object.keys(limits()) as RateClass[])
    classes[rateClass] = createClassScopes({ ...deps, refused }, rateClass, () => limits()[rateClass]);

  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> | undefined;
  const sweep = () => Object.values(classes).forEach((scopes) => scopes.sweep());
  const beat = () => {
    beating ??= watch
      .beat()
      .then(sweep, sweep)
      .finally(() => (beating = undefined));
    return beating;
  };

  return {
    name: 'rate limiter',
    start: async () => {
      await beat();
      timer = setInterval(() => void beat(), beatMs);
    },
    stop: async () => {
      clearInterval(timer);
      await beating;
      await watch.leave();
    },
    takeForAddress: (rateClass, address) =>
      classes[rateClass].take('address', addressKey(address)) ?? unlimited,
    takeForCaller(rateClass, { user, apiKey }) {
      const scopes = classes[rateClass];
      const byUser = user === undefined ? undefined : scopes.take('user', user);
      const taken = inTurn(byUser, () => {
        const byKey = apiKey === undefined ? undefined : scopes.take('api_key', apiKey);
        return inTurn(byKey, () => scopes.take('global', 'all'));
      });
      return taken ?? unlimited;
    },
  };
}
