import type { Instance } from '@onrush/chassis/discovery';
import { createMetrics } from '@onrush/chassis/metrics';
import type { Keys } from '@onrush/chassis/redis';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import type { TestRedis } from '@onrush/chassis/testing/redis';
import { createCanaryGuard, type Outcome } from '../src/canary/canary-guard';
import { canarySchema, compileRules } from '../src/canary/canary-rules';

export const upstream = 'seckill-service';
export const instance = (version: string, canary: boolean): Instance => ({
  id: version,
  service: upstream,
  address: '127.0.0.1',
  httpPort: 1,
  grpcPort: 2,
  version,
  canary,
});
export const stable = instance('1.0.0', false);
export const canary = instance('1.1.0', true);

/** The rules of seckill-service alone. */
export const rulesOf = (entry: object) => compileRules(canarySchema.parse({ [upstream]: entry }));

/** Keys and instances that some gateways share. */
export interface Shared {
  redis: TestRedis['redis'];
  keys: Keys;
  instances: Instance[];
}

let nextShared = 0;
export function newShared({ redis, keys }: TestRedis): Shared {
  const part = String((nextShared += 1));
  const own = (...parts: string[]) => keys(part, ...parts);
  return { redis, keys: Object.assign(own, { tagged: keys.tagged }), instances: [stable, canary] };
}

interface Bad {
  everyNth?: number;
  ms?: number;
  outcome?: Outcome;
}

/** The guard of one gateway, with a clock of its own. */
export function newGateway(entry: object, shared: Shared) {
  let rules = rulesOf(entry);
  const metrics = createMetrics({ service: 'test' });
  const { logger, lines } = recordingLogger();
  const clock = { ms: 1_700_000_000_000 };
  const guard = createCanaryGuard({
    rules: () => rules,
    discovery: { instances: () => shared.instances },
    redis: shared.redis,
    keys: shared.keys,
    logger,
    metrics,
    now: () => clock.ms,
  });
  /** Answers in turn, one each millisecond; every `everyNth` of them is bad. */
  function answers(
    of: Instance,
    count: number,
    { everyNth = Infinity, ms = 5, outcome = 'failed' }: Bad = {},
  ) {
    for (let turn = 1; turn <= count; turn += 1) {
      clock.ms += 1;
      const isBad = turn % everyNth === 0;
      guard.observe(of, isBad ? outcome : 'ok', isBad || everyNth === Infinity ? ms : 5);
    }
  }
  return {
    guard,
    clock,
    lines,
    answers,
    /** Both versions in turn, as a canary of 5 % sees it. */
    both(count: number, canaryEveryNth: number, stableEveryNth: number) {
      for (let turn = 1; turn <= count; turn += 1) {
        for (let index = 1; index <= 19; index += 1)
          guard.observe(stable, (turn * 19 + index) % stableEveryNth === 0 ? 'failed' : 'ok', 5);
        answers(canary, 1, { everyNth: turn % canaryEveryNth === 0 ? 1 : Infinity });
      }
    },
    change: (next: object) => void (rules = rulesOf(next)),
    isRolledBack: () => guard.isRolledBack(upstream),
    metric: async (name: string) =>
      (await metrics.registry.getSingleMetric(name)?.get())?.values.map(({ value }) => value),
  };
}

export type Gateway = ReturnType<typeof newGateway>;
