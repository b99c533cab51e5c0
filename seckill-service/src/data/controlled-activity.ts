import type { EntityManager } from 'typeorm';
import { rulesAfter, type RulesOperation, type StockOperation } from '../domain/operation';
import { ActivityTable } from './activity-table';

/** What operations change in the row of their activity, which the caller has locked. */
export const controlledActivity = {
  async changeRules(tx: EntityManager, operation: RulesOperation): Promise<void> {
    const { activityId: id, revision } = operation;
    const version = () => 'version + 1';
    await tx.update(
      ActivityTable,
      { id },
      { ...rulesAfter(operation), revision, version, updatedAt: new Date() },
    );
  },

  /** Stock has its turn later; the number is given now. */
  async numberStock(tx: EntityManager, { activityId: id, revision }: StockOperation): Promise<void> {
    await tx.update(ActivityTable, { id }, { revision });
  },

  /** False when more is sold than would be left. */
  async changeTotal(tx: EntityManager, { activityId, revision, total }: StockOperation): Promise<boolean> {
    const result = await tx.query<{ affectedRows: number }>(
      'UPDATE activities SET total = ?, stock_revision = ?, version = version + 1, updated_at = ? WHERE id = ? AND sold <= ?',
      [total, revision, new Date(), activityId, total],
    );
    return result.affectedRows === 1;
  },

  /** Refused: a live sale that is rebuilt must not take it for one that is still to come. */
  async skipStock(tx: EntityManager, { activityId: id, revision }: StockOperation): Promise<void> {
    await tx.update(ActivityTable, { id }, { stockRevision: revision });
  },
};
