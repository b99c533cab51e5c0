import type { Foundation } from '@onrush/chassis/foundation';
import type { Runtime } from '@onrush/chassis/service';
import type { Config } from './config';
import type { ActivityRepository } from './data/activity-repository';
import { createSaleRebuild } from './data/sale-rebuild';
import { createSaleUpkeep } from './data/sale-upkeep';

export const service = 'seckill-service';

/** What both halves of the service stand on. */
export interface Ground {
  config: Config;
  runtime: Runtime;
  foundation: Foundation;
  activities: ActivityRepository;
}

/** What a process needs that repairs live sales: the worker by itself, an api process when an administrator asks for it. */
export const repairing = (
  { handOverMs, republishAfterSeconds }: Config,
  { redis, keys }: Pick<Foundation, 'redis' | 'keys'>,
) => ({
  upkeep: createSaleUpkeep({ redis, keys, group: service }),
  rebuild: createSaleRebuild({ redis, keys }),
  handOverMs,
  republishAfterSeconds,
});
