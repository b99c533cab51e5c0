import type { Foundation } from '@onrush/chassis/foundation';
import type { Runtime } from '@onrush/chassis/service';
import type { Config } from './config';
import type { ActivityRepository } from './data/activity-repository';
import type { Buckets } from './data/buckets';
import { createBucketedControl } from './data/bucketed-control';
import { createSaleControl } from './data/sale-control';
import { createSaleRebuild } from './data/sale-rebuild';
import { createSaleUpkeep, type SaleUpkeep } from './data/sale-upkeep';
import { createStockMoves, type StockMoves } from './data/stock-moves';
import { activityOf, isBucket } from './domain/bucket';

export const service = 'seckill-service';

/** What both halves of the service stand on. */
export interface Ground {
  config: Config;
  runtime: Runtime;
  foundation: Foundation;
  activities: ActivityRepository;
  buckets: Buckets;
}

/** What a process needs that repairs or controls live sales: the worker by itself, an api process when an administrator asks for it. */
export function repairing({ config, foundation: { redis, keys }, buckets }: Ground) {
  const moves = createStockMoves({ redis, keys });
  return {
    moves,
    upkeep: upkeepOf({ redis, keys, buckets, moves }),
    rebuild: createSaleRebuild({ redis, keys }),
    control: createBucketedControl({ control: createSaleControl({ redis, keys }), buckets, moves }),
    handOverMs: config.handOverMs,
    republishAfterSeconds: config.republishAfterSeconds,
  };
}

/** What a bucket adopts comes out of its own stock: what it lacks, the others have, and do not sell meanwhile. */
export function upkeepOf({
  buckets,
  moves,
  ...connection
}: Pick<Foundation, 'redis' | 'keys'> & { buckets: Buckets; moves: StockMoves }): SaleUpkeep {
  return createSaleUpkeep({
    ...connection,
    group: service,
    async bringUnits({ sale }, units) {
      if (!isBucket(sale)) return;
      const look = await moves.look(await buckets.of(activityOf(sale)));
      if (!look) return;
      await moves.keepClosed(look);
      await moves.bring(look, { sale, units });
    },
  });
}
