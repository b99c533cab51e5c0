import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { repairLog } from '../data/repair-log';
import type { Activity } from '../domain/activity';
import type { Repair } from '../domain/repair';

/** After the repair: what was repaired is repaired, also where this cannot be written down. */
export async function noteRepair(
  { db, logger, metrics }: { db: DataSource; logger: Logger; metrics: Metrics },
  activity: Pick<Activity, 'id' | 'epoch'>,
  repair: Pick<Repair, 'kind' | 'amount' | 'reason'>,
): Promise<void> {
  if (repair.amount === 0) return;
  const { id: activityId, epoch } = activity;
  logger.warn('repaired', { activityId, epoch, ...repair });
  repairsOf(metrics).inc({ kind: repair.kind }, repair.amount);
  await repairLog
    .add(db.manager, activity, repair)
    .catch((error: unknown) => logger.warn('repair not written down', { activityId, error }));
}

export const repairsOf = (metrics: Metrics) =>
  metrics.counter('seckill_repairs_total', 'What was repaired: reservations, and rebuilt sales', ['kind']);
