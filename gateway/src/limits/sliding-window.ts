import { loadScript } from '@onrush/chassis/redis';
import { allowedBy, policyOf, refusedBy, unavailable, type Decision } from './decision';
import { policyName, type LimitDeps, type LimitOfScope, type ScopeName } from './limit-of-scope';
import { isTokenBucket, type ClassLimits, type SlidingWindow } from './limits';

/** What is known of one caller here. Times in milliseconds. */
interface Caller {
  /** Requests that Redis is being asked about. */
  asked: number;
  /** Until then the window is full. */
  fullUntil: number;
  /** When this gateway allowed one while Redis was gone, oldest first. */
  allowedAlone: number[];
}

const script = loadScript<[number, number, number]>(__dirname, 'count-in-window-1.lua');

/**
 * Sliding windows, as an exact log in Redis. The usual two counters (Cloudflare, "How we built rate limiting capable of scaling to millions of
 * domains", 2017) need less memory and are right for traffic that comes evenly; one who times his requests gets nearly twice the quota past
 * them. These limits guard passwords and codes, and their quotas are small, so that the log costs little.
 *
 * One round trip for each request; none where the answer is known: the window is full until a known time, or is full already if those that are
 * under way are allowed.
 */
export function createSlidingWindow(
  deps: LimitDeps,
  name: ScopeName,
  initial: { limit: SlidingWindow; withoutRedis: ClassLimits['without_redis'] },
): LimitOfScope {
  const { redis, keys, link, now } = deps;
  let { limit, withoutRedis } = initial;
  let policy = policyOf(policyName(name), limit);
  const callers = new Map<string, Caller>();
  const windowMs = () => limit.window_seconds * 1_000;

  function callerOf(key: string, at: number): Caller {
    let caller = callers.get(key);
    if (!caller) {
      if (callers.size >= deps.mostCallers) makeRoom(at);
      callers.set(key, (caller = { asked: 0, fullUntil: 0, allowedAlone: [] }));
    }
    return caller;
  }

  async function count(key: string, caller: Caller): Promise<Decision> {
    caller.asked += 1;
    const windowKey = keys('window', name.rateClass, name.scope, key);
    const reply = await link.ask(() => script.run(redis, [windowKey], [limit.quota, windowMs()]));
    caller.asked -= 1;
    const at = now();
    if (!reply) return decideAlone(caller, at);
    const [isAllowed, left, waitMs] = reply;
    if (isAllowed === 1) return allowedBy(policy, left, limit.window_seconds);
    caller.fullUntil = at + waitMs;
    return refusedBy(policy, waitMs);
  }

  /** As exact, over this gateway's part of the quota. */
  function decideAlone(caller: Caller, at: number): Decision {
    const quota = Math.floor(limit.quota / deps.gateways().divisor);
    if (withoutRedis === 'closed' || quota === 0) return unavailable(policy);
    const { allowedAlone } = caller;
    const isPast = (time: number | undefined) => time !== undefined && time <= at - windowMs();
    while (isPast(allowedAlone[0])) allowedAlone.shift();
    const oldest = allowedAlone.at(-quota);
    if (oldest !== undefined) return refusedBy(policy, oldest + windowMs() - at);
    allowedAlone.push(at);
    return allowedBy(policy, quota - allowedAlone.length, limit.window_seconds);
  }

  const isForgettable = ({ asked, fullUntil, allowedAlone }: Caller, at: number): boolean =>
    asked === 0 && fullUntil <= at && (allowedAlone.at(-1) ?? -Infinity) <= at - windowMs();

  function forget(most: number, at: number): void {
    let left = most;
    for (const [key, caller] of callers) {
      if (left-- <= 0) return;
      if (isForgettable(caller, at)) callers.delete(key);
    }
  }

  /** Whoever is forgotten too early costs a round trip, or without Redis a part of the quota. */
  function makeRoom(at: number): void {
    forget(8, at);
    for (const [key, { asked }] of callers) {
      if (callers.size < deps.mostCallers) return;
      if (asked === 0) callers.delete(key);
    }
  }

  return {
    take(key, at) {
      if (!link.isUp() && withoutRedis === 'closed') return unavailable(policy);
      const caller = callerOf(key, at);
      if (!link.isUp()) return decideAlone(caller, at);
      if (caller.fullUntil > at) return refusedBy(policy, caller.fullUntil - at);
      // Each of those under way either finds a full window or fills a place.
      if (caller.asked >= limit.quota) return refusedBy(policy, 1_000);
      return count(key, caller);
    },
    change(changed, without) {
      if (isTokenBucket(changed)) return false;
      limit = changed;
      withoutRedis = without;
      policy = policyOf(policyName(name), limit);
      for (const caller of callers.values()) caller.fullUntil = 0;
      return true;
    },
    sweep: (at) => forget(2_000, at),
  };
}
