import type { EntityManager } from 'typeorm';
import { rulesAfter, type Operation, type RulesOperation, type StockOperation } from '../domain/operation';
import { controlled } from '../domain/sale-record';
import { ActivityTable } from './activity-table';
import { saleRecordLog } from './sale-record-log';

/** What operations change in the row of their activity, which the caller has locked; what becomes effective is in the record of the sale. */
export const controlledActivity = {
  async changeRules(tx: EntityManager, operation: RulesOperation): Promise<void> {
    const { activityId: id, revision } = operation;
    const version = () => 'version + 1';
    await tx.update(
      ActivityTable,
      { id },
      { ...rulesAfter(operation), revision, version, updatedAt: new Date() },
    );
    await recordControlled(tx, operation);
  },

  /** Stock has its turn later; the number is given now. */
  async numberStock(tx: EntityManager, { activityId: id, revision }: StockOperation): Promise<void> {
    await tx.update(ActivityTable, { id }, { revision });
  },

  /** False when more is sold than would be left. */
  async changeTotal(tx: EntityManager, operation: StockOperation): Promise<boolean> {
    const { activityId, revision, total } = operation;
    const result = await tx.query<{ affectedRows: number }>(
      'UPDATE activities SET total = ?, stock_revision = ?, version = version + 1, updated_at = ? WHERE id = ? AND sold <= ?',
      [total, revision, new Date(), activityId, total],
    );
    if (result.affectedRows === 0) return false;
    await recordControlled(tx, operation);
    return true;
  },

  /** Refused: a live sale that is rebuilt must not take it for one that is still to come. */
  async skipStock(tx: EntityManager, { activityId: id, revision }: StockOperation): Promise<void> {
    await tx.update(ActivityTable, { id }, { stockRevision: revision });
  },
};

const recordControlled = (tx: EntityManager, operation: Operation): Promise<void> =>
  saleRecordLog.append(tx, operation.activityId, { kind: 'CONTROLLED', payload: controlled(operation) });
