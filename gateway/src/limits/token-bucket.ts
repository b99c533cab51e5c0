import { loadScript } from '@onrush/chassis/redis';
import { createBuckets, type Bucket, type Waiting } from './buckets';
import { allowedBy, policyOf, refusedBy, unavailable, type Decision } from './decision';
import { policyName, type LimitDeps, type LimitOfScope, type ScopeName } from './limit-of-scope';
import { isTokenBucket, type ClassLimits, type TokenBucket } from './limits';
import { patienceMs } from './redis-link';
import { sharesOf } from './shares';

/** What was leased and not used is given up after this long; the shared part fills up with it again. */
const leaseMs = 1_000;
/** Requests that wait for one bucket; those beyond are refused. */
const longestLine = 2_000;

const script = loadScript<[number, number, number]>(__dirname, 'lease-tokens-1.lua');

/**
 * Token buckets. This gateway decides alone over its part of each; only who has used that up asks for a lease from the part in Redis, once
 * for all who wait at that moment. Over any time, all gateways together allow no more than the burst and what the rate adds.
 */
export function createTokenBucket(
  deps: LimitDeps,
  name: ScopeName,
  initial: { limit: TokenBucket; withoutRedis: ClassLimits['without_redis'] },
): LimitOfScope {
  const { redis, keys, link, now } = deps;
  let { limit, withoutRedis } = initial;
  let policy = policyOf(policyName(name), limit);
  let version = deps.version();
  let shares = sharesOf(limit, deps.gateways(), link.isUp());
  const buckets = createBuckets({ share: { rate: 0, burst: 0 }, most: deps.mostCallers, now: now() });
  // Parts start empty: others may just have given what would be in them.
  buckets.divide(shares.local, now());

  function divideAgain(at: number): void {
    const wasWhole = shares.local.burst === 0;
    version = deps.version();
    shares = sharesOf(limit, deps.gateways(), link.isUp());
    // A bucket that was in Redis whole went with it: its part here is full, or it would be closed for as long as it takes to fill.
    if (wasWhole && !link.isUp()) buckets.startAgain(shares.local, at);
    else buckets.divide(shares.local, at);
  }

  const allow = (bucket: Bucket, at: number, elsewhere = 0): Decision => {
    const held = bucket.spare > 0 && bucket.spareUntil > at ? bucket.spare : 0;
    const remaining = Math.floor(bucket.tokens) + held + elsewhere;
    return allowedBy(policy, remaining, Math.ceil((limit.burst - remaining) / limit.rate));
  };

  function refuse(bucket: Bucket, at: number): Decision {
    const { rate, burst } = shares.local;
    if (!link.isUp() && burst === 0) return unavailable(policy);
    const localMs = burst > 0 ? ((1 - bucket.tokens) * 1_000) / rate : Infinity;
    return refusedBy(policy, link.isUp() ? Math.min(localMs, bucket.emptyUntil - at) : localMs);
  }

  /** Undefined: only Redis knows. */
  function decideHere(bucket: Bucket, at: number): Decision | undefined {
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return allow(bucket, at);
    }
    if (bucket.spare > 0 && bucket.spareUntil > at) {
      bucket.spare -= 1;
      return allow(bucket, at);
    }
    return !link.isUp() || bucket.emptyUntil > at ? refuse(bucket, at) : undefined;
  }

  function waitInLine(key: string, bucket: Bucket, at: number): Decision | Promise<Decision> {
    if (bucket.line && bucket.line.length >= longestLine) return refusedBy(policy, patienceMs);
    return new Promise((answer) => {
      if (bucket.line) return void bucket.line.push({ since: at, answer });
      const line: Waiting[] = (bucket.line = [{ since: at, answer }]);
      void serve(key, bucket, line);
    });
  }

  async function serve(key: string, bucket: Bucket, line: Waiting[]): Promise<void> {
    for (let first = line[0]; first; first = line[0])
      await leaseFor(line.length, first, { key, bucket, line });
    bucket.line = undefined;
  }

  async function leaseFor(
    needed: number,
    first: Waiting,
    { key, bucket, line }: { key: string; bucket: Bucket; line: Waiting[] },
  ): Promise<void> {
    const { shared, chunk, heldMost } = shares;
    const asked = now();
    const bucketKey = keys('bucket', name.rateClass, name.scope, key);
    const spare = Math.max(0, chunk - needed);
    const reply = await link.ask(
      () => script.run(redis, [bucketKey], [shared.rate, shared.burst, needed, spare, leaseMs, heldMost]),
      patienceMs - (asked - first.since),
    );
    const at = now();
    if (version !== deps.version()) divideAgain(at);
    buckets.fill(bucket, at);
    if (!reply) {
      deps.leases.inc({ result: 'failed' });
      // Redis went while they waited: they get what a request gets that comes now.
      for (const waiting of line.splice(0)) waiting.answer(decideAlone(bucket, at));
      return;
    }
    const [given, waitMs, left] = reply;
    deps.leases.inc({ result: given >= needed ? 'granted' : given > 0 ? 'partial' : 'empty' });
    bucket.spare = Math.max(0, given - needed);
    bucket.spareUntil = asked + leaseMs;
    for (const waiting of line.splice(0, Math.min(needed, given))) waiting.answer(allow(bucket, at, left));
    if (given < needed) bucket.emptyUntil = at + waitMs;
    // Those who came meanwhile, and those for whom it was not enough.
    while (line.length > 0) {
      const decision = decideHere(bucket, at);
      if (!decision) return;
      line.shift()?.answer(decision);
    }
  }

  function decideAlone(bucket: Bucket, at: number): Decision {
    if (withoutRedis === 'closed') return unavailable(policy);
    return decideHere(bucket, at) ?? unavailable(policy);
  }

  return {
    take(key, at) {
      if (version !== deps.version()) divideAgain(at);
      if (withoutRedis === 'closed' && !link.isUp()) return unavailable(policy);
      const bucket = buckets.of(key, at);
      return decideHere(bucket, at) ?? waitInLine(key, bucket, at);
    },
    change(changed, without) {
      if (!isTokenBucket(changed)) return false;
      limit = changed;
      withoutRedis = without;
      policy = policyOf(policyName(name), limit);
      shares = sharesOf(limit, deps.gateways(), link.isUp());
      buckets.change(shares.local, now());
      return true;
    },
    sweep(at) {
      if (version !== deps.version()) divideAgain(at);
      buckets.sweep(at);
    },
  };
}
