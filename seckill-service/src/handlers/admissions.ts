import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { createRounds } from '@onrush/chassis/rounds';
import { createSharedReads } from '@onrush/chassis/shared-reads';
import type { ActivityRepository } from '../data/activity-repository';
import type { Admission } from '../data/waiting-rooms';
import { admitWaiting, hasRoom, type ActivityWithRoom, type AdmitWaiting } from '../use-cases/admit-waiting';

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
  const waiting = metrics.gauge('seckill_waiting', 'People in the waiting room', ['activity'], {
    ofWorkers: 'max',
  });
  const rate = metrics.gauge('seckill_admission_rate', 'People admitted per second, at most', ['activity'], {
    ofWorkers: 'max',
  });

  /** What this process has seen last, by activity. */
  let seenRooms = new Map<string, number>();

  /** One that fails must not keep the others from it. */
  async function admitAll(all: ActivityWithRoom[]): Promise<[string, Admission][]> {
    const admissions: [string, Admission][] = [];
    const failures: unknown[] = [];
    for (const activity of all) {
      const admission = await admitWaiting(deps, activity, seenRooms.get(activity.id)).catch(
        (error: unknown) => void failures.push(error),
      );
      if (admission) admissions.push([activity.id, admission]);
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not every waiting room was looked at');
    return admissions;
  }

  async function round(): Promise<void> {
    const admissions = await admitAll((await list.get('')).filter(hasRoom));
    seenRooms = new Map(admissions.map(([activity, { born }]) => [activity, born]));
    waiting.reset();
    rate.reset();
    for (const [activity, { issued, admitted, rate: perSecond }] of admissions) {
      waiting.set({ activity }, Math.max(0, issued - admitted));
      rate.set({ activity }, perSecond);
    }
  }

  return createRounds({ name: 'admissions', everyMs: tickMs, round, logger });
}
