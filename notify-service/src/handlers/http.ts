import { route, type Route } from '@onrush/chassis/http-routes';
import { idText, listOf, pageQuery } from '@onrush/chassis/http-schemas';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import type { Notification } from '../domain/notification';
import { countUnread, listNotifications, readAll, readNotification } from '../use-cases/inbox';

const notificationView = z.object({
  id: z.string(),
  kind: z.string(),
  title: z.string(),
  body: z.string(),
  data: z.record(z.string(), z.string()),
  read_at: z.string().nullable(),
  created_at: z.string(),
});

export const httpRoutes = (deps: { db: DataSource }): Route[] => [
  route(
    'GET /api/v1/notifications',
    {
      summary: 'My notifications, newest first',
      access: 'user',
      query: pageQuery,
      reply: listOf(notificationView),
    },
    async ({ query: { page, page_size }, user }) => {
      const { items, total } = await listNotifications(deps, user.id, { page, pageSize: page_size });
      return { items: items.map(toView), page, page_size, total };
    },
  ),
  route(
    'GET /api/v1/notifications/unread-count',
    { summary: 'How many I have not read', access: 'user', reply: z.object({ unread: z.int() }) },
    async ({ user }) => ({ unread: await countUnread(deps, user.id) }),
  ),
  route(
    'POST /api/v1/notifications/:id/read',
    {
      summary: 'Mark one as read',
      access: 'user',
      params: z.strictObject({ id: idText }),
      reply: notificationView,
    },
    async ({ params, user }) => toView(await readNotification(deps, params.id, user.id)),
  ),
  route(
    'POST /api/v1/notifications/read-all',
    { summary: 'Mark all as read', access: 'user', reply: z.null() },
    async ({ user }) => {
      await readAll(deps, user.id);
      return null;
    },
  ),
];

const toView = (notification: Notification): z.input<typeof notificationView> => ({
  id: notification.id,
  kind: notification.kind,
  title: notification.title,
  body: notification.body,
  data: notification.data,
  read_at: notification.readAt?.toISOString() ?? null,
  created_at: notification.createdAt.toISOString(),
});
