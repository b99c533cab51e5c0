import { createFoundation } from '@onrush/chassis/foundation';
import type { App, Runtime } from '@onrush/chassis/service';
import { createApi } from './api';
import type { Config } from './config';
import { createActivityRepository } from './data/activity-repository';
import { ActivityTable } from './data/activity-table';
import { createBuckets } from './data/buckets';
import { errors } from './errors';
import { service, type Ground } from './ground';
import { operationsOf } from './use-cases/carry-out';
import { repairKinds } from './domain/repair';
import { repairsOf } from './use-cases/note-repair';
import { rejectionReasons, rejectionsOf } from './use-cases/record-purchases';
import { createWorker } from './worker';

/**
 * Two halves that meet only in Redis and MySQL, so that they may run as processes of their own: while buyers rush, recording what they
 * bought must not take the processor from those who still wait.
 */
export function createApp(config: Config, runtime: Runtime): App {
  const foundation = createFoundation(service, config, runtime, { errors, entities: [ActivityTable] });
  const activities = createActivityRepository(foundation.db);
  const buckets = createBuckets({ activities });
  showFromTheStart(runtime);
  const ground: Ground = { config, runtime, foundation, activities, buckets };
  const worker = config.role === 'api' ? undefined : createWorker(ground);
  const api = config.role === 'worker' ? undefined : createApi(ground, worker);
  return {
    components: [
      ...(worker ? foundation.components : foundation.componentsWithoutMessaging),
      ...(worker?.components ?? []),
      ...(api?.components ?? []),
    ],
    ...(api && { openApi: api.openApi }),
  };
}

/** What counts where it happens, which is seldom: from its first scrape on a process says that it was not yet, and the first time is an increase. */
function showFromTheStart({ metrics }: Runtime): void {
  operationsOf(metrics);
  for (const kind of repairKinds) repairsOf(metrics).inc({ kind }, 0);
  for (const reason of rejectionReasons) rejectionsOf(metrics).inc({ reason }, 0);
}
