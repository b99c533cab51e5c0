import type { EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { IpRule } from '../domain/ip-rule';

interface Row {
  id: string;
  action: IpRule['action'];
  cidr: string;
  reason: string;
  expires_at: Date | null;
  created_by: string;
  created_at: Date;
}

const columns = ['id', 'action', 'cidr', 'reason', 'expires_at', 'created_by', 'created_at'];
const inForce = '(expires_at IS NULL OR expires_at > ?)';

/** Rules are added and removed, never changed. */
export const ipRuleRepository = {
  async insert(tx: EntityManager, rule: IpRule): Promise<void> {
    const { id, action, cidr, reason, expiresAt, createdBy, createdAt } = rule;
    const row = [id, action, cidr, reason, expiresAt, createdBy, createdAt];
    await insertRows(tx, 'ip_rules', { columns, rows: [row] });
  },

  /** Makes room for a rule where an equal one is over. */
  async removeExpired(tx: EntityManager, { action, cidr }: IpRule, now: Date): Promise<void> {
    await tx.query('DELETE FROM ip_rules WHERE cidr = ? AND action = ? AND expires_at <= ?', [
      cidr,
      action,
      now,
    ]);
  },

  async remove(tx: EntityManager, id: string): Promise<boolean> {
    const result = await tx.query<{ affectedRows: number }>('DELETE FROM ip_rules WHERE id = ?', [id]);
    return result.affectedRows > 0;
  },

  async count(tx: EntityManager): Promise<number> {
    const [row] = await tx.query<{ total: string }[]>('SELECT COUNT(*) AS total FROM ip_rules');
    return Number(row?.total);
  },

  /** Newest first. */
  async list(tx: EntityManager, { offset, limit }: { offset: number; limit: number }): Promise<IpRule[]> {
    const rows = await tx.query<Row[]>(
      `SELECT ${columns.join(', ')} FROM ip_rules ORDER BY id DESC LIMIT ? OFFSET ?`,
      [limit, offset],
    );
    return rows.map(toRule);
  },

  async listInForce(tx: EntityManager, now: Date): Promise<IpRule[]> {
    const rows = await tx.query<Row[]>(
      `SELECT ${columns.join(', ')} FROM ip_rules WHERE ${inForce} ORDER BY id`,
      [now],
    );
    return rows.map(toRule);
  },

  /** The same text as long as the same rules are in force: they never change, so their number and the sum of their ids tell. */
  async fingerprint(tx: EntityManager, now: Date): Promise<string> {
    const [row] = await tx.query<{ total: string; sum: string }[]>(
      `SELECT COUNT(*) AS total, COALESCE(SUM(id), 0) AS sum FROM ip_rules WHERE ${inForce}`,
      [now],
    );
    return `${row?.total} ${row?.sum}`;
  },
};

const toRule = (row: Row): IpRule => ({
  id: row.id,
  action: row.action,
  cidr: row.cidr,
  reason: row.reason,
  expiresAt: row.expires_at,
  createdBy: row.created_by,
  createdAt: row.created_at,
});
