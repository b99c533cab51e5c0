import type { Component } from '@onrush/chassis/lifecycle';
import { createRounds } from '@onrush/chassis/rounds';
import type { WarmUp } from '../use-cases/warm-up';
import { warmUpDue, type NotWarmedUp } from '../use-cases/warm-up-due';

const everyMs = 1_000;

/** Warms planned sales up by itself, so many minutes before they start; with 0 it is left to administrators. */
export function createWarmUpTimer(deps: WarmUp, { warmUpMinutes }: { warmUpMinutes: number }): Component[] {
  if (warmUpMinutes === 0) return [];
  const { logger, metrics } = deps;
  const failures = metrics.counter(
    'seckill_warm_up_failures_total',
    'Tries to warm a planned sale up that failed',
  );
  const gauge = metrics.gauge(
    'seckill_sales_not_warmed_up',
    'Planned sales that start within WARM_UP_MINUTES or have started, and could not be warmed up',
    [],
    { ofWorkers: 'max' },
  );
  let failing = new Set<string>();

  /** A line when it begins; the gauge tells for how long. */
  function tell(left: NotWarmedUp[]): void {
    for (const { activity, error } of left) {
      if (failing.has(activity.id)) continue;
      const facts = { activityId: activity.id, startsAt: activity.startsAt };
      logger.error('planned sale not warmed up, trying again', { ...facts, error });
    }
    failing = new Set(left.map(({ activity }) => activity.id));
    failures.inc(left.length);
    gauge.set(left.length);
  }

  const round = async () => tell(await warmUpDue(deps, warmUpMinutes * 60_000));
  return [createRounds({ name: 'warm-up', everyMs, round, logger })];
}
