import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { Activity } from '../domain/activity';
import type { Repair, RepairKind } from '../domain/repair';

const shown = 20;

interface Row {
  epoch: number;
  kind: RepairKind;
  amount: number;
  reason: string;
  repaired_at: Date;
}

/** What was repaired, kept where every process finds it. */
export const repairLog = {
  async add(
    manager: EntityManager,
    { id, epoch }: Pick<Activity, 'id' | 'epoch'>,
    { kind, amount, reason }: Pick<Repair, 'kind' | 'amount' | 'reason'>,
  ): Promise<void> {
    const columns = ['activity_id', 'epoch', 'kind', 'amount', 'reason', 'repaired_at'];
    await insertRows(manager, 'repairs', { columns, rows: [[id, epoch, kind, amount, reason, new Date()]] });
  },

  /** Newest first. */
  async latest(db: DataSource, activityId: string): Promise<Repair[]> {
    const rows = await db.query<Row[]>(
      `SELECT epoch, kind, amount, reason, repaired_at FROM repairs WHERE activity_id = ? ORDER BY id DESC LIMIT ${shown}`,
      [activityId],
    );
    return rows.map(({ repaired_at, ...repair }) => ({ ...repair, at: repaired_at }));
  },
};
