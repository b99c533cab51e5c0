import type { Balancer } from '@onrush/chassis/balancer';
import type { Discovery } from '@onrush/chassis/discovery';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Metrics } from '@onrush/chassis/metrics';
import type { CircuitBreaker } from './circuit-breaker';
import { createDeadlineWheel } from './deadline-wheel';
import type { RetryBudget } from './retry-budget';
import type { UpstreamAnswer } from './upstream-attempt';
import { forwardCall, type AttemptWatch, type Upstream, type UpstreamCall } from './upstream-call';
import { createUpstreamPools } from './upstream-pools';
import { createVersionMeasures } from './version-measures';

export interface Upstreams extends Component {
  /**
   * Resolves with the head of the answer, whatever its status. Rejects with an AppError: `upstreamFailed` (503: nothing was carried out, or it
   * may be twice), `deadlineExceeded` (504: it may have been).
   */
  forward(call: UpstreamCall): Promise<UpstreamAnswer>;
}

export interface UpstreamsOptions {
  names: string[];
  discovery: Pick<Discovery, 'instances' | 'onChange'>;
  balancerOf: (upstream: string) => Balancer;
  breakerOf: (upstream: string) => CircuitBreaker;
  budgetOf: (upstream: string) => RetryBudget;
  watch: AttemptWatch;
  metrics: Metrics;
  /** A client that takes nothing for so long is cut off. */
  slowClientMs?: number;
}

/**
 * Forwards requests to instances of the upstreams: kept connections, one deadline over all attempts, circuit breaker per upstream, retries where
 * nothing can happen twice.
 */
export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const { names, discovery } = options;
  const now = () => performance.now();
  const pools = createUpstreamPools(discovery, names);
  const wheel = createDeadlineWheel(now);
  const measuresOf = createVersionMeasures(options.metrics);
  const retries = options.metrics.counter('gateway_upstream_retries_total', 'Attempts after the first', [
    'upstream',
  ]);
  const upstreams = new Map<string, Upstream>(
    names.map((name) => [
      name,
      {
        name,
        balancer: options.balancerOf(name),
        breaker: options.breakerOf(name),
        budget: options.budgetOf(name),
        watch: options.watch,
        pools,
        wheel,
        instances: () => discovery.instances(name),
        now,
        random: Math.random,
        slowClientMs: options.slowClientMs ?? 30_000,
        measures: measuresOf(name),
        retried: () => retries.inc({ upstream: name }),
      },
    ]),
  );
  return {
    name: 'connections to upstreams',
    async start() {
      pools.start();
      await wheel.start();
    },
    async stop() {
      await pools.stop();
      await wheel.stop();
    },
    forward(call) {
      const upstream = upstreams.get(call.upstream);
      if (!upstream) return Promise.reject(new Error(`no upstream ${call.upstream}`));
      return forwardCall(upstream, call);
    },
  };
}
