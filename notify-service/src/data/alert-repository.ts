import type { DataSource, EntityManager } from 'typeorm';
import type { Alert, AlertStatus } from '../domain/alert';

interface Row {
  id: string;
  fingerprint: string;
  starts_at: Date;
  name: string;
  severity: string;
  status: AlertStatus;
  summary: string;
  description: string;
  runbook_url: string;
  labels: string;
  ends_at: Date | null;
  received_at: Date;
  updated_at: Date;
}

const columns = [
  'id',
  'fingerprint',
  'starts_at',
  'name',
  'severity',
  'status',
  'summary',
  'description',
  'runbook_url',
  'labels',
  'ends_at',
  'received_at',
  'updated_at',
];
/** What the next report of the same occurrence may say otherwise; its labels are what it is known by. */
const changing = ['status', 'summary', 'description', 'runbook_url', 'ends_at', 'updated_at'];

export const alertRepository = {
  /** One row for each fingerprint and beginning: who reports it again, changes it. */
  async save(tx: EntityManager, alert: Alert): Promise<void> {
    const values = [
      alert.id,
      alert.fingerprint,
      alert.startsAt,
      alert.name,
      alert.severity,
      alert.status,
      alert.summary,
      alert.description,
      alert.runbookUrl,
      JSON.stringify(alert.labels),
      alert.endsAt,
      alert.receivedAt,
      alert.updatedAt,
    ];
    const changes = changing.map((column) => `${column} = VALUES(${column})`).join(', ');
    await tx.query(
      `INSERT INTO alerts (${columns.join(', ')}) VALUES (?) ON DUPLICATE KEY UPDATE ${changes}`,
      [values],
    );
  },

  /** Newest first; of one status, or of both. */
  async list(
    db: DataSource,
    { status, page, pageSize }: { status: AlertStatus | undefined; page: number; pageSize: number },
  ): Promise<{ items: Alert[]; total: number }> {
    const where = status ? 'WHERE status = ?' : '';
    const of = status ? [status] : [];
    const [count] = await db.query<{ total: string }[]>(`SELECT COUNT(*) AS total FROM alerts ${where}`, of);
    const rows = await db.query<Row[]>(`SELECT * FROM alerts ${where} ORDER BY id DESC LIMIT ? OFFSET ?`, [
      ...of,
      pageSize,
      (page - 1) * pageSize,
    ]);
    return { items: rows.map(toAlert), total: Number(count?.total ?? 0) };
  },
};

const toAlert = (row: Row): Alert => ({
  id: row.id,
  fingerprint: row.fingerprint,
  startsAt: row.starts_at,
  name: row.name,
  severity: row.severity,
  status: row.status,
  summary: row.summary,
  description: row.description,
  runbookUrl: row.runbook_url,
  labels: JSON.parse(row.labels) as Record<string, string>,
  endsAt: row.ends_at,
  receivedAt: row.received_at,
  updatedAt: row.updated_at,
});
