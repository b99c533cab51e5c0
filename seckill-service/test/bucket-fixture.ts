import path from 'node:path';
import { createKeys, loadScript } from '@onrush/chassis/redis';
import { startOwnCluster, type OwnCluster } from '@onrush/chassis/testing/redis-cluster';
import type { Config } from '../src/config';
import { createBuckets } from '../src/data/buckets';
import type { SaleUpkeep } from '../src/data/sale-upkeep';
import { homeOf, salesOf, type Split } from '../src/domain/bucket';
import { upkeepOf } from '../src/ground';
import { startReconcileFixture, type ReconcileFixture } from './reconcile-fixture';

export const buckets = 3;

export interface BucketFixture extends ReconcileFixture {
  cluster: OwnCluster;
  /** As the service has it. */
  bucketUpkeep: SaleUpkeep;
  /** That many users whose home is this bucket, and who have not been given to anybody yet. */
  usersOf(activityId: string, bucket: number, count: number): number[];
  /** The key of a bucket's live sale. */
  keyOf(activityId: string, bucket: number, part?: 'state' | 'buyers' | 'stream'): string;
  free(activityId: string): Promise<number[]>;
  /** Units that ever came back or were added, by bucket. */
  came(activityId: string): Promise<number[]>;
  /** The first half of a move, after which whoever made it has died. Returns the units ever taken that way. */
  take(activityId: string, from: number, to: number): Promise<number>;
  give(activityId: string, from: number, to: number, sent: number): Promise<number>;
  /** Both, for another epoch. Returns what they say. */
  moveInEpoch(activityId: string, epoch: number): Promise<number[]>;
  /** Codes of the answers of so many buyers who come together; 0 of those who have bought. */
  codesOf(activityId: string, users: number[], quantity?: number): Promise<number[]>;
}

const scripts = path.join(__dirname, '../src/data');
const takeScript = loadScript<number>(scripts, 'take-1.lua');
const giveScript = loadScript<number>(scripts, 'give-1.lua');

/** The service on a Redis Cluster of the file's own, where each activity has three buckets. */
export async function startBucketFixture(
  label: string,
  changes: Partial<Config> = {},
): Promise<BucketFixture> {
  const cluster = await startOwnCluster();
  process.env['REDIS_URL'] = cluster.url;
  const fixture = await startReconcileFixture(label, { stockBuckets: buckets, ...changes });
  const { redis } = fixture.redis;
  const split = (id: string): Split => ({ id, buckets });
  const keyOf: BucketFixture['keyOf'] = (activityId, bucket, part = 'state') =>
    fixture.key(salesOf(split(activityId))[bucket] ?? '', part);
  const epochOf = async (activityId: string) => (await fixture.activity(activityId)).epoch;
  const countsOf = (activityId: string, field: string) =>
    Promise.all(
      Array.from({ length: buckets }, async (_, bucket) =>
        Number(await redis.hget(keyOf(activityId, bucket), field)),
      ),
    );
  let lastUser = 1_000;

  return {
    ...fixture,
    cluster,
    keyOf,
    bucketUpkeep: upkeepOf({
      redis,
      keys: createKeys(fixture.namespace, 'seckill'),
      buckets: createBuckets({ activities: fixture.deps.activities }),
      moves: fixture.deps.moves,
    }),
    usersOf(activityId, bucket, count) {
      const users: number[] = [];
      const sale = salesOf(split(activityId))[bucket];
      for (; users.length < count; lastUser += 1)
        if (homeOf(split(activityId), String(lastUser)) === sale) users.push(lastUser);
      return users;
    },
    free: (activityId) => countsOf(activityId, 'stock'),
    came: (activityId) => countsOf(activityId, 'came'),
    take: async (activityId, from, to) =>
      takeScript.run(redis, [keyOf(activityId, from)], [await epochOf(activityId), to, 1]),
    give: async (activityId, from, to, sent) =>
      giveScript.run(redis, [keyOf(activityId, to)], [await epochOf(activityId), from, sent]),
    moveInEpoch: async (activityId, epoch) => [
      await takeScript.run(redis, [keyOf(activityId, 0)], [epoch, 1, 1]),
      await giveScript.run(redis, [keyOf(activityId, 1)], [epoch, 0, 1]),
    ],
    codesOf: (activityId, users, quantity = 1) =>
      Promise.all(users.map(async (user) => (await fixture.buy(activityId, user, { quantity })).body.code)),
    async stop() {
      await fixture.stop();
      await cluster.stop();
    },
  };
}
