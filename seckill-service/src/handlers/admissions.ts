import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { createSharedReads } from '@onrush/chassis/shared-reads';
import type { ActivityRepository } from '../data/activity-repository';
import { admitWaiting, hasRoom, type ActivityWithRoom, type AdmitWaiting } from '../use-cases/admit-waiting';
import { createRounds } from './rounds';

/** New sales are noticed this late at most: their rooms open long before they admit anybody. */
const listTtlMs = 1_000;

/** Lets people out of the waiting rooms. Those of several workers share the rate of each. */
export function createAdmissions(
  deps: AdmitWaiting & {
    activities: Pick<ActivityRepository, 'lock' | 'findUndrained'>;
    logger: Logger;
    metrics: Metrics;
  },
  { tickMs }: { tickMs: number },
): Component {
  const { activities, logger, metrics } = deps;
  const list = createSharedReads({ read: () => activities.findUndrained(), ttlMs: listTtlMs, limit: 1 });
  const waiting = metrics.gauge('seckill_waiting', 'People in the waiting room', ['activity']);
  const rate = metrics.gauge('seckill_admission_rate', 'People admitted per second, at most', ['activity']);

  async function step(activity: ActivityWithRoom): Promise<void> {
    const admission = await admitWaiting(deps, activity);
    if (!admission) return;
    waiting.set({ activity: activity.id }, Math.max(0, admission.issued - admission.admitted));
    rate.set({ activity: activity.id }, admission.rate);
  }

  async function round(): Promise<void> {
    waiting.reset();
    rate.reset();
    const failures: unknown[] = [];
    for (const activity of (await list.get('')).filter(hasRoom))
      await step(activity).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not every waiting room was looked at');
  }

  return createRounds({ name: 'admissions', everyMs: tickMs, round, logger });
}
