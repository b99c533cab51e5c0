import { firstOfRehearsals } from '@onrush/proto';
import {
  IsNull,
  LessThan,
  LessThanOrEqual,
  MoreThan,
  Not,
  type DataSource,
  type EntityManager,
} from 'typeorm';
import { planRevisionOf, type Activity, type ActivityPlan } from '../domain/activity';
import { ActivityTable } from './activity-table';

/** For transactions that ask Redis while they hold such a lock: where the process is stopped meanwhile, the others go on after so long. */
export const whileLocked = { idleSeconds: 20 };

export interface ActivityRepository {
  insert(activity: Activity): Promise<void>;
  find(id: string): Promise<Activity | null>;
  /** Newest first, without rehearsals. */
  list(page: number, pageSize: number): Promise<{ items: Activity[]; total: number }>;
  /** False when it is warmed up already, or when its version is not the one read. */
  changePlan(id: string, version: number, plan: Partial<ActivityPlan & { price: number }>): Promise<boolean>;
  /** Keeps everybody else who changes the activity or what it has sold waiting until the transaction ends. */
  lock(tx: EntityManager, id: string): Promise<Activity>;
  /** Its operations are numbered from its plan on, and into how many buckets it is split stays. */
  markWarmedUp(tx: EntityManager, activity: Activity, buckets: number): Promise<void>;
  /** The next epoch of the live sale, after the one that MySQL knows and after the given one. */
  startEpoch(tx: EntityManager, id: string, after: number): Promise<Activity>;
  /** Those that nobody has warmed up, that start before the given time and are not over; the most urgent first. */
  findDue(now: Date, startingBefore: Date): Promise<Activity[]>;
  /** The activities whose purchases may still wait in Redis. */
  findUndrained(): Promise<Activity[]>;
  markDrained(id: string): Promise<void>;
  /** Sales, no rehearsals, that were drained before then and have more units than they sold. */
  findUnsold(drainedBefore: Date): Promise<Activity[]>;
}

export function createActivityRepository(db: DataSource): ActivityRepository {
  const table = db.getRepository(ActivityTable);
  return {
    async insert(activity) {
      await table.createQueryBuilder().insert().values(activity).updateEntity(false).execute();
    },
    find: (id) => table.findOneBy({ id }),
    async list(page, pageSize) {
      const [items, total] = await table.findAndCount({
        where: { id: LessThan(firstOfRehearsals) },
        order: { id: 'DESC' },
        skip: (page - 1) * pageSize,
        take: pageSize,
      });
      return { items, total };
    },
    async changePlan(id, version, plan) {
      const result = await table
        .createQueryBuilder()
        .update()
        .set({ ...plan, version: version + 1, updatedAt: new Date() })
        .where('id = :id AND version = :version AND warmed_at IS NULL', { id, version })
        .execute();
      return result.affected === 1;
    },
    lock: (tx, id) =>
      tx.withRepository(table).findOneOrFail({ where: { id }, lock: { mode: 'pessimistic_write' } }),
    async markWarmedUp(tx, activity, buckets) {
      const revision = planRevisionOf(activity);
      await tx.query(
        'UPDATE activities SET warmed_at = ?, buckets = ?, revision = ?, stock_revision = ? WHERE id = ? AND warmed_at IS NULL',
        [new Date(), buckets, revision, revision, activity.id],
      );
    },
    async startEpoch(tx, id, after) {
      await tx.query('UPDATE activities SET epoch = GREATEST(epoch, ?) + 1, drained_at = NULL WHERE id = ?', [
        after,
        id,
      ]);
      return tx.withRepository(table).findOneByOrFail({ id });
    },
    findDue: (now, startingBefore) =>
      table.find({
        where: {
          warmedAt: IsNull(),
          drainedAt: IsNull(),
          startsAt: LessThanOrEqual(startingBefore),
          endsAt: MoreThan(now),
        },
        order: { startsAt: 'ASC' },
      }),
    findUndrained: () => table.findBy({ warmedAt: Not(IsNull()), drainedAt: IsNull() }),
    async markDrained(id) {
      await table.update({ id }, { drainedAt: new Date() });
    },
    findUnsold: (drainedBefore) =>
      table
        .createQueryBuilder('activity')
        .where('activity.drainedAt < :drainedBefore AND activity.total > activity.sold', { drainedBefore })
        .andWhere('activity.id < :firstOfRehearsals', { firstOfRehearsals })
        .getMany(),
  };
}
