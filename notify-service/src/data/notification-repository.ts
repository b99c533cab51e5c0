import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';
import type { Notification } from '../domain/notification';

interface Row {
  id: string;
  event_id: string;
  user_id: string;
  kind: string;
  title: string;
  body: string;
  data: string;
  created_at: Date;
  read_at: Date | null;
}

const columns = ['id', 'event_id', 'user_id', 'kind', 'title', 'body', 'data', 'batch_id', 'created_at'];

export const notificationRepository = {
  /** Writes those whose event was not told of before, and returns them. */
  async insertNew(tx: EntityManager, notifications: Notification[]): Promise<Notification[]> {
    const batchId = randomUUID();
    const rows = notifications.map((each) => [
      each.id,
      each.eventId,
      each.userId,
      each.kind,
      each.title,
      each.body,
      JSON.stringify(each.data),
      batchId,
      each.createdAt,
    ]);
    const inserted = await insertRows(tx, 'notifications', { columns, rows, ignoreDuplicates: true });
    if (inserted === notifications.length) return notifications;
    const ids = notifications.map((each) => each.id);
    const written = await tx.query<{ id: string }[]>(
      'SELECT id FROM notifications WHERE id IN (?) AND batch_id = ?',
      [ids, batchId],
    );
    const isNew = new Set(written.map((row) => row.id));
    return notifications.filter((each) => isNew.has(each.id));
  },

  /** Newest first. */
  async list(
    db: DataSource,
    userId: string,
    { page, pageSize }: { page: number; pageSize: number },
  ): Promise<{ items: Notification[]; total: number }> {
    const [count] = await db.query<{ total: string }[]>(
      'SELECT COUNT(*) AS total FROM notifications WHERE user_id = ?',
      [userId],
    );
    const rows = await db.query<Row[]>(
      'SELECT * FROM notifications WHERE user_id = ? ORDER BY id DESC LIMIT ? OFFSET ?',
      [userId, pageSize, (page - 1) * pageSize],
    );
    return { items: rows.map(toNotification), total: Number(count?.total ?? 0) };
  },

  async countUnread(db: DataSource, userId: string): Promise<number> {
    const [row] = await db.query<{ unread: string }[]>(
      'SELECT COUNT(*) AS unread FROM notifications WHERE user_id = ? AND read_at IS NULL',
      [userId],
    );
    return Number(row?.unread ?? 0);
  },

  async findOwn(db: DataSource, id: string, userId: string): Promise<Notification | undefined> {
    const [row] = await db.query<Row[]>('SELECT * FROM notifications WHERE id = ? AND user_id = ?', [
      id,
      userId,
    ]);
    return row && toNotification(row);
  },

  /** Reading twice keeps the first time. */
  async markRead(db: DataSource, userId: string, id: string): Promise<void> {
    await db.query('UPDATE notifications SET read_at = ? WHERE id = ? AND user_id = ? AND read_at IS NULL', [
      new Date(),
      id,
      userId,
    ]);
  },

  async markAllRead(db: DataSource, userId: string): Promise<void> {
    await db.query('UPDATE notifications SET read_at = ? WHERE user_id = ? AND read_at IS NULL', [
      new Date(),
      userId,
    ]);
  },
};

const toNotification = (row: Row): Notification => ({
  id: row.id,
  eventId: row.event_id,
  userId: row.user_id,
  kind: row.kind,
  title: row.title,
  body: row.body,
  data: JSON.parse(row.data) as Record<string, string>,
  createdAt: row.created_at,
  readAt: row.read_at,
});
