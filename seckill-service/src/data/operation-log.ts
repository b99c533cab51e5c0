import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type {
  Operation,
  OperationKind,
  OperationLine,
  OperationStatus,
  RefusedBecause,
} from '../domain/operation';

interface Affected {
  affectedRows: number;
}
interface Row {
  id: string;
  activity_id: string;
  revision: number;
  kind: OperationKind;
  delta: number | null;
  total: number | null;
  per_user_limit: number | null;
  reason: string | null;
  requested_by: string;
  status: OperationStatus;
  refused_because: RefusedBecause | null;
  created_at: Date;
  done_at: Date | null;
}

const read = [
  'id',
  'activity_id',
  'revision',
  'kind',
  'delta',
  'total',
  'per_user_limit',
  'reason',
  'requested_by',
  'status',
  'refused_because',
  'created_at',
  'done_at',
];
const selected = `SELECT ${read.join(', ')} FROM operations`;
const mostAtOnce = 100;

/** The operations in MySQL: what was wanted of a live sale, by whom, and what came of it. */
export const operationLog = {
  /** An empty key is none. */
  async insert(tx: EntityManager, operation: Operation, idempotencyKey: string): Promise<void> {
    const { id, activityId, revision, kind, reason, by, status, refusedBecause, createdAt, doneAt } =
      operation;
    const delta = operation.kind === 'STOCK' ? operation.delta : null;
    const total = operation.kind === 'STOCK' ? operation.total : null;
    const limit = operation.kind === 'LIMIT' ? operation.limit : null;
    const wanted = [id, activityId, revision, kind, delta, total, limit, reason, by];
    const row = [...wanted, status, refusedBecause, createdAt, doneAt, idempotencyKey || null];
    await insertRows(tx, 'operations', { columns: [...read, 'idempotency_key'], rows: [row] });
  },

  async find(manager: EntityManager, id: string): Promise<Operation> {
    const [row] = await manager.query<Row[]>(`${selected} WHERE id = ?`, [id]);
    if (!row) throw new Error(`no operation ${id}`);
    return toOperation(row);
  },

  async findByKey(
    tx: EntityManager,
    { activityId, by, kind, key }: { activityId: string; by: string; kind: OperationKind; key: string },
  ): Promise<Operation | undefined> {
    const [row] = await tx.query<Row[]>(
      `${selected} WHERE activity_id = ? AND requested_by = ? AND kind = ? AND idempotency_key = ?`,
      [activityId, by, kind, key],
    );
    return row && toOperation(row);
  },

  async findPending(
    tx: EntityManager,
    activityId: string,
    line: OperationLine,
  ): Promise<Operation | undefined> {
    const [row] = await tx.query<Row[]>(
      `${selected} WHERE activity_id = ? AND status = 'PENDING' AND (kind = 'STOCK') = ?`,
      [activityId, line === 'stock'],
    );
    return row && toOperation(row);
  },

  /** Those of all activities that have been pending since before then, oldest first. */
  async findStale(db: DataSource, before: Date): Promise<Operation[]> {
    const rows = await db.query<Row[]>(
      `${selected} WHERE status = 'PENDING' AND created_at < ? ORDER BY created_at LIMIT ${mostAtOnce}`,
      [before],
    );
    return rows.map(toOperation);
  },

  /** All of an activity, in their order. */
  async findOf(tx: EntityManager, activityId: string): Promise<Operation[]> {
    const rows = await tx.query<Row[]>(`${selected} WHERE activity_id = ? ORDER BY revision`, [activityId]);
    return rows.map(toOperation);
  },

  /** Newest first. */
  async list(
    db: DataSource,
    activityId: string,
    { page, pageSize }: { page: number; pageSize: number },
  ): Promise<{ items: Operation[]; total: number }> {
    const rows = await db.query<Row[]>(
      `${selected} WHERE activity_id = ? ORDER BY revision DESC LIMIT ? OFFSET ?`,
      [activityId, pageSize, (page - 1) * pageSize],
    );
    const [counted] = await db.query<{ total: string }[]>(
      'SELECT COUNT(*) AS total FROM operations WHERE activity_id = ?',
      [activityId],
    );
    return { items: rows.map(toOperation), total: Number(counted?.total ?? 0) };
  },

  /** Done, or refused; false when it had ended before, and then nothing changes. */
  async end(tx: EntityManager, id: string, refusedBecause: RefusedBecause | null): Promise<boolean> {
    const result = await tx.query<Affected>(
      `UPDATE operations SET status = ?, refused_because = ?, done_at = ? WHERE id = ? AND status = 'PENDING'`,
      [refusedBecause ? 'REFUSED' : 'DONE', refusedBecause, new Date(), id],
    );
    return result.affectedRows === 1;
  },
};

function toOperation(row: Row): Operation {
  const facts = {
    id: row.id,
    activityId: row.activity_id,
    revision: row.revision,
    reason: row.reason,
    by: row.requested_by,
    status: row.status,
    refusedBecause: row.refused_because,
    createdAt: row.created_at,
    doneAt: row.done_at,
  };
  switch (row.kind) {
    case 'STOCK':
      return { ...facts, kind: row.kind, delta: row.delta ?? 0, total: row.total ?? 0 };
    case 'LIMIT':
      return { ...facts, kind: row.kind, limit: row.per_user_limit ?? 0 };
    case 'PAUSE':
    case 'RESUME':
    case 'CLOSE':
      return { ...facts, kind: row.kind };
  }
}
