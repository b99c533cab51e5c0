import { firstOfRehearsals } from '@onrush/proto';
import { IsNull, LessThan, Not, type DataSource, type EntityManager } from 'typeorm';
import type { Activity, ActivityPlan } from '../domain/activity';
import { ActivityTable } from './activity-table';

export interface ActivityRepository {
  insert(activity: Activity): Promise<void>;
  find(id: string): Promise<Activity | null>;
  /** Newest first, without rehearsals. */
  list(page: number, pageSize: number): Promise<{ items: Activity[]; total: number }>;
  /** False when it is warmed up already, or when its version is not the one read. */
  changePlan(id: string, version: number, plan: Partial<ActivityPlan & { price: number }>): Promise<boolean>;
  /** Keeps everybody else who changes the activity or what it has sold waiting until the transaction ends. */
  lock(tx: EntityManager, id: string): Promise<Activity>;
  /** The next epoch of the live sale, after the one that MySQL knows and after the given one. */
  startEpoch(tx: EntityManager, id: string, after: number): Promise<Activity>;
  /** The activities whose purchases may still wait in Redis. */
  findUndrained(): Promise<Activity[]>;
  markDrained(id: string): Promise<void>;
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
    async startEpoch(tx, id, after) {
      await tx.query(
        'UPDATE activities SET epoch = GREATEST(epoch, ?) + 1, warmed_at = COALESCE(warmed_at, ?), drained_at = NULL WHERE id = ?',
        [after, new Date(), id],
      );
      return tx.withRepository(table).findOneByOrFail({ id });
    },
    findUndrained: () => table.findBy({ warmedAt: Not(IsNull()), drainedAt: IsNull() }),
    async markDrained(id) {
      await table.update({ id }, { drainedAt: new Date() });
    },
  };
}
