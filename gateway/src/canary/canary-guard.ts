import type { Redis } from 'ioredis';
import type { Discovery, Instance } from '@onrush/chassis/discovery';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Keys } from '@onrush/chassis/redis';
import { createEvidence, type Counts, type Evidence } from './canary-evidence';
import { createSharedRollbacks, type Rollback } from './canary-rollbacks';
import type { CanaryRule, CanaryRules } from './canary-rules';

/**
 * `failed`: a 5xx that the instance answered, a time-out, no connection; what the gateway itself refused is no answer of the instance, and a
 * 4xx is `ok`. `abandoned`: the client left before the answer.
 */
export type Outcome = 'ok' | 'failed' | 'abandoned';

/** Watches how canaries answer, and takes one out of service that does not keep its budget. */
export interface CanaryGuard extends Component {
  /** Before a request is sent to an instance; `observe` has to follow, once. */
  started(instance: Instance): void;
  observe(instance: Instance, outcome: Outcome, ms: number): void;
  /** Nobody new may be sent to the canary: it is rolled back, or as many requests wait for it as may. */
  isClosed(upstream: string): boolean;
  isRolledBack(upstream: string): boolean;
}

export interface CanaryGuardOptions {
  /** Asked at each request, since they may change. */
  rules: () => CanaryRules;
  discovery: Pick<Discovery, 'instances'>;
  redis: Redis;
  keys: Keys;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

interface Watched {
  rule: CanaryRule;
  errors: Evidence;
  latency: Evidence | undefined;
  pending: number;
  /** Judged here. */
  own: Rollback | undefined;
  /** As last read from Redis. */
  shared: Rollback | undefined;
  /** One of the two, where it applies. */
  inForce: Rollback | undefined;
  /** The last one that was lifted here. */
  lifted: Rollback | undefined;
}

const followEveryMs = 1_000;
/** "p95 is above its budget" says no more than "more than 5 % of the answers take longer than that". */
const slowShare = 0.05;

/**
 * A rollback holds until the rules of the upstream change, or canaries are there and none is of the version that was rolled back. The
 * gateway that judges tells the others through Redis; they look once a second. Without Redis each one's own judgement holds.
 *
 * An answer that does not come proves nothing until its time is up, so the number of requests that wait for a canary is limited, too: it
 * bounds how many users a canary can hurt that hangs.
 */
export function createCanaryGuard(options: CanaryGuardOptions): CanaryGuard {
  const { rules, discovery, logger, now = Date.now } = options;
  const shared = createSharedRollbacks(options);
  const metrics = canaryMetrics(options.metrics);
  const byUpstream = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let following: Promise<void> | undefined;

  function watchedOf(upstream: string): Watched {
    const rule = rules().of(upstream);
    const known = byUpstream.get(upstream);
    if (known) {
      if (known.rule !== rule) adopt(known, rule);
      return known;
    }
    const fresh = watch(rule);
    byUpstream.set(upstream, fresh);
    return fresh;
  }

  function adopt(watched: Watched, rule: CanaryRule): void {
    const isSame = watched.rule.fingerprint === rule.fingerprint;
    watched.rule = rule;
    if (isSame) return;
    Object.assign(watched, evidenceOf(rule));
    settle(watched);
  }

  function applies({ rule, lifted }: Watched, rollback: Rollback | undefined): rollback is Rollback {
    if (rollback?.fingerprint !== rule.fingerprint || isSame(rollback, lifted)) return false;
    const canaries = discovery.instances(rule.upstream).filter(rule.isCanary);
    return canaries.length === 0 || canaries.some(({ version }) => version === rollback.version);
  }

  /** Finds out which rollback is in force, and tells of it when that has changed. */
  function settle(watched: Watched): void {
    const { rule, shared: theirs, inForce: before } = watched;
    const { upstream } = rule;
    const theirsApplies = applies(watched, theirs);
    // Where two judged at once, all go by the one that Redis kept.
    if (theirsApplies && watched.own) watched.own = theirs;
    const { own } = watched;
    if (theirsApplies) watched.inForce = theirs;
    else watched.inForce = applies(watched, own) ? own : undefined;
    const { inForce } = watched;
    metrics.rolledBack.set({ upstream }, inForce ? 1 : 0);
    if (inForce && !before) logger.warn('canary rolled back by another gateway', { upstream, ...inForce });
    // Two judged, and both were lifted before either read what the other had said.
    if (isOfPast(theirs, watched)) watched.lifted = theirs;
    if (inForce || !before) return;
    // One that is gone from Redis was lifted elsewhere: nothing is left of it.
    if (own || theirs) watched.lifted = before;
    watched.own = undefined;
    watched.errors.clear();
    watched.latency?.clear();
    logger.info('canary may serve again', { upstream, version: before.version });
  }

  function rollBack(watched: Watched, version: string, reason: Rollback['reason'], counts: Counts): void {
    const { rule } = watched;
    const { upstream, fingerprint } = rule;
    watched.own = { fingerprint, version, reason, at: new Date(now()).toISOString() };
    watched.inForce = watched.own;
    metrics.rolledBack.set({ upstream }, 1);
    metrics.rollbacks.inc({ upstream, reason });
    logger.error('canary rolled back', { upstream, version, reason, ...counts, budget: rule.rollback });
    void shared.put(upstream, watched.own);
  }

  async function follow(): Promise<void> {
    const read = await shared.read();
    for (const upstream of read?.keys() ?? []) watchedOf(upstream);
    for (const [upstream, known] of byUpstream) {
      const watched = watchedOf(upstream);
      if (read) watched.shared = read.get(upstream);
      settle(watched);
      metrics.pending.set({ upstream }, known.pending);
      if (read) await tell(watched);
    }
  }

  /** Removes what was lifted here; says again what holds here, where others have removed it or Redis has lost it. */
  async function tell({ rule, own, inForce, lifted, shared: theirs }: Watched): Promise<void> {
    if (theirs && isSame(theirs, lifted)) await shared.remove(rule.upstream);
    else if (own && inForce === own && theirs !== own) await shared.put(rule.upstream, own);
  }

  const followAlone = (): Promise<void> =>
    (following ??= follow().finally(() => {
      following = undefined;
    }));

  return {
    name: 'canary guard',
    start: async () => {
      await followAlone();
      timer = setInterval(() => void followAlone(), followEveryMs);
    },
    stop: async () => {
      clearInterval(timer);
      await following;
    },
    started(instance) {
      if (instance.canary) watchedOf(instance.service).pending += 1;
    },
    observe(instance, outcome, ms) {
      const watched = watchedOf(instance.service);
      const { rule, errors, latency } = watched;
      if (instance.canary && watched.pending > 0) watched.pending -= 1;
      if (!rule.isOpen || watched.inForce) return;
      const isSlow = ms > (rule.rollback.p95Ms ?? Infinity);
      const at = now();
      if (!instance.canary) {
        if (outcome !== 'abandoned') errors.stable(outcome === 'failed', at);
        if (outcome !== 'abandoned' || isSlow) latency?.stable(isSlow, at);
      } else if (rule.isCanary(instance)) {
        const failures = outcome === 'abandoned' ? undefined : errors.canary(outcome === 'failed', at);
        if (failures) return rollBack(watched, instance.version, 'errors', failures);
        const slowness = outcome !== 'abandoned' || isSlow ? latency?.canary(isSlow, at) : undefined;
        if (slowness) rollBack(watched, instance.version, 'latency', slowness);
      }
    },
    isClosed(upstream) {
      const { inForce, pending, rule } = watchedOf(upstream);
      return inForce !== undefined || pending >= rule.rollback.maxPending;
    },
    isRolledBack: (upstream) => watchedOf(upstream).inForce !== undefined,
  };
}

const isSame = (one: Rollback, other: Rollback | undefined): boolean =>
  one.at === other?.at && one.fingerprint === other.fingerprint && one.version === other.version;

const isOfPast = (theirs: Rollback | undefined, { rule, lifted }: Watched): boolean =>
  theirs?.fingerprint === lifted?.fingerprint && theirs?.fingerprint !== rule.fingerprint;

const watch = (rule: CanaryRule): Watched => ({
  rule,
  ...evidenceOf(rule),
  pending: 0,
  own: undefined,
  shared: undefined,
  inForce: undefined,
  lifted: undefined,
});

function evidenceOf({ rollback }: CanaryRule): Pick<Watched, 'errors' | 'latency'> {
  return {
    errors: createEvidence({ ...rollback, budget: rollback.errorRate }),
    latency: rollback.p95Ms === undefined ? undefined : createEvidence({ ...rollback, budget: slowShare }),
  };
}

function canaryMetrics(metrics: Metrics) {
  return {
    rolledBack: metrics.gauge(
      'gateway_canary_rolled_back',
      'Whether the canary of an upstream is rolled back',
      ['upstream'],
      { ofWorkers: 'max' },
    ),
    rollbacks: metrics.counter('gateway_canary_rollbacks_total', 'Canaries that this gateway rolled back', [
      'upstream',
      'reason',
    ]),
    pending: metrics.gauge('gateway_canary_pending', 'Requests that wait for the canary of an upstream', [
      'upstream',
    ]),
  };
}
