import { createDataSource, inTransaction } from '@onrush/chassis/mysql';
import { createMetrics } from '@onrush/chassis/metrics';
import { createKeys } from '@onrush/chassis/redis';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { Redis } from 'ioredis';
import { createActivityRepository } from '../src/data/activity-repository';
import { ActivityTable } from '../src/data/activity-table';
import { createBucketedSales } from '../src/data/bucketed-sales';
import { createBuckets } from '../src/data/buckets';
import { createLiveSales } from '../src/data/live-sale';
import { createSaleRebuild } from '../src/data/sale-rebuild';
import { createSaleUpkeep } from '../src/data/sale-upkeep';
import { createStockMoves } from '../src/data/stock-moves';
import { createWaitingRooms } from '../src/data/waiting-rooms';
import { admitWaiting, hasRoom } from '../src/use-cases/admit-waiting';
import { measureStock } from '../src/use-cases/measure-stock';
import { warmUp } from '../src/use-cases/warm-up';

/** A process that stops itself where it asks Redis while it holds a lock in MySQL; told to go on, it says how it ended. */
export interface StoppedChild {
  mysqlUrl: string;
  mysqlType: 'mariadb' | 'mysql';
  redisUrl: string;
  namespace: string;
  activityId: string;
  step: 'warm-up' | 'measurement' | 'admission';
}

const stopping =
  <A extends unknown[], R>(step: (...args: A) => Promise<R>) =>
  async (...args: A): Promise<R> => {
    const result = await step(...args);
    process.stdout.write('stopped\n');
    process.kill(process.pid, 'SIGSTOP');
    return result;
  };

async function main({ mysqlUrl, mysqlType, redisUrl, namespace, ...wanted }: StoppedChild): Promise<void> {
  const db = await createDataSource({
    url: mysqlUrl,
    type: mysqlType,
    entities: [ActivityTable],
  }).initialize();
  const redis = new Redis(redisUrl);
  const keys = createKeys(namespace, 'seckill');
  const activities = createActivityRepository(db);
  const moves = createStockMoves({ redis, keys });
  const single = createLiveSales({ redis, hot: redis, keys });
  const buckets = createBuckets({ activities });
  const sales = createBucketedSales({
    sales: single,
    buckets,
    moves,
    hot: redis,
    keys,
    logger: silentLogger,
  });
  const upkeep = createSaleUpkeep({ redis, keys, group: 'seckill-service' });
  const rebuild = createSaleRebuild({ redis, keys });
  const rooms = createWaitingRooms({ redis, keys });
  const deps = { db, activities, sales, logger: silentLogger, metrics: createMetrics({ service: 'test' }) };
  const { activityId, step } = wanted;
  if (step === 'warm-up')
    await warmUp(
      {
        ...deps,
        rebuild: { ...rebuild, fence: stopping(rebuild.fence) },
        products: {
          find: () => Promise.resolve(undefined),
          reserveForActivity: () => Promise.resolve(),
          resizeReservation: () => Promise.resolve(true),
        },
        stockBuckets: 1,
        handOverMs: 0,
        onWarmedUp: () => Promise.resolve(),
      },
      activityId,
    );
  if (step === 'measurement')
    await measureStock(
      { ...deps, rebuild, upkeep: { ...upkeep, snapshot: stopping(upkeep.snapshot) } },
      activityId,
      { countRows: true },
    );
  if (step === 'admission') {
    const activity = await inTransaction(db, (tx) => activities.lock(tx, activityId));
    if (!hasRoom(activity)) throw new Error('it has no waiting room');
    const backlog = { read: () => Promise.resolve(new Map()), settle: () => Promise.resolve() };
    const adaptive = { least: 20, most: 5_000, backlog: 2_000 };
    await admitWaiting(
      { ...deps, backlog, adaptive, rooms: { ...rooms, admit: stopping(rooms.admit) } },
      activity,
    );
  }
}

if (process.argv[2])
  main(JSON.parse(process.argv[2]) as StoppedChild).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
