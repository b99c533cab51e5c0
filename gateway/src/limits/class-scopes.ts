import type { Counter } from 'prom-client';
import type { Decision } from './decision';
import type { LimitDeps, LimitOfScope } from './limit-of-scope';
import { isTokenBucket, type ClassLimits, type Limit, type RateClass, type Scope } from './limits';
import { createSlidingWindow } from './sliding-window';
import { createTokenBucket } from './token-bucket';

export type Taken = Decision | Promise<Decision>;

/** The limits of one class of routes, as they are configured now. */
export interface ClassScopes {
  /** Undefined where the class does not limit this scope. */
  take(scope: Scope, key: string): Taken | undefined;
  sweep(): void;
}

interface Known {
  of: LimitOfScope;
  countRefusal: () => void;
}

const scopes: Scope[] = ['user', 'address', 'api_key', 'global'];

export function createClassScopes(
  deps: LimitDeps & { refused: Counter<'class' | 'scope'> },
  rateClass: RateClass,
  limits: () => ClassLimits,
): ClassScopes {
  const { now, refused } = deps;
  const known: Partial<Record<Scope, Known>> = {};
  let configured: ClassLimits | undefined;

  function configure(next: ClassLimits): void {
    configured = next;
    for (const scope of scopes) {
      const limit = next[scope];
      if (limit) known[scope] = limitOf(scope, limit, next.without_redis);
      else delete known[scope];
    }
  }

  function limitOf(scope: Scope, limit: Limit, withoutRedis: ClassLimits['without_redis']): Known {
    const old = known[scope];
    if (old?.of.change(limit, withoutRedis)) return old;
    const name = { rateClass, scope };
    const of = isTokenBucket(limit)
      ? createTokenBucket(deps, name, { limit, withoutRedis })
      : createSlidingWindow(deps, name, { limit, withoutRedis });
    const counter = refused.labels({ class: rateClass, scope });
    return { of, countRefusal: () => counter.inc() };
  }

  configure(limits());
  return {
    take(scope, key) {
      const current = limits();
      if (current !== configured) configure(current);
      const limit = known[scope];
      if (!limit) return undefined;
      const taken = limit.of.take(key, now());
      if (taken instanceof Promise) return counted(taken, limit.countRefusal);
      if (!taken.allowed) limit.countRefusal();
      return taken;
    },
    sweep() {
      const at = now();
      for (const scope of scopes) known[scope]?.of.sweep(at);
    },
  };
}

async function counted(taken: Promise<Decision>, countRefusal: () => void): Promise<Decision> {
  const decision = await taken;
  if (!decision.allowed) countRefusal();
  return decision;
}

/** The second is asked only if the first allowed; the answer is the one that refused, else the first there is. */
export function inTurn(first: Taken | undefined, second: () => Taken | undefined): Taken | undefined {
  if (first === undefined) return second();
  if (first instanceof Promise) return first.then((decision) => orRefused(decision, second));
  return orRefused(first, second);
}

function orRefused(first: Decision, second: () => Taken | undefined): Taken {
  const next = first.allowed ? second() : undefined;
  if (next instanceof Promise) return next.then((decision) => (decision.allowed ? first : decision));
  return next && !next.allowed ? next : first;
}
