import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';

/** At most so many in so many seconds. */
export interface VelocityRule {
  quota: number;
  window_seconds: number;
}

export type VelocityScope = 'user' | 'address' | 'device';
export type VelocityRules = Partial<Record<VelocityScope, VelocityRule>>;

export interface Velocity {
  /** Counts one more for each scope that has a rule; milliseconds to wait where one has had enough, 0 where it may go on. */
  count(subjects: Partial<Record<VelocityScope, string>>): Promise<number>;
}

const script = loadScript<number>(__dirname, 'count-velocity-1.lua');
const scopes: VelocityScope[] = ['user', 'address', 'device'];

/** How often somebody may ask, over all instances: fixed windows that begin with the first time. */
export function createVelocity(deps: { redis: Redis; keys: Keys; rules: VelocityRules }): Velocity {
  return {
    async count(subjects) {
      let waitMs = 0;
      for (const scope of scopes) {
        const rule = deps.rules[scope];
        const subject = subjects[scope];
        if (!rule || !subject) continue;
        const arguments_ = [rule.quota, rule.window_seconds * 1_000];
        waitMs = Math.max(
          waitMs,
          await script.run(deps.redis, [deps.keys('velocity', scope, subject)], arguments_),
        );
      }
      return waitMs;
    },
  };
}
