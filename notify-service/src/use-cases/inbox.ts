import type { DataSource } from 'typeorm';
import { notificationRepository } from '../data/notification-repository';
import type { Notification } from '../domain/notification';
import { errors } from '../errors';

interface Inbox {
  db: DataSource;
}

export const listNotifications = ({ db }: Inbox, userId: string, page: { page: number; pageSize: number }) =>
  notificationRepository.list(db, userId, page);

export const countUnread = ({ db }: Inbox, userId: string): Promise<number> =>
  notificationRepository.countUnread(db, userId);

/** Another user's notification does not exist. */
export async function readNotification({ db }: Inbox, id: string, userId: string): Promise<Notification> {
  await notificationRepository.markRead(db, userId, id);
  const notification = await notificationRepository.findOwn(db, id, userId);
  if (!notification) throw errors.notificationNotFound({ meta: { id } });
  return notification;
}

export const readAll = ({ db }: Inbox, userId: string): Promise<void> =>
  notificationRepository.markAllRead(db, userId);
