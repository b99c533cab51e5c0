import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { notificationSent } from '@onrush/proto';
import { notificationRepository } from '../data/notification-repository';
import type { Draft, Notification } from '../domain/notification';

export interface Notify {
  db: DataSource;
  outbox: Outbox;
  ids: Snowflake;
  logger: Logger;
}

/** Besides the in-app inbox, which is the row itself. */
const channels = ['log'];

/** One notification an event: the unique event id lets the first delivery through. Rows, deliveries and events are one transaction. */
export async function notify(deps: Notify, drafts: { eventId: string; draft: Draft }[]): Promise<void> {
  const now = new Date();
  const wanted = drafts.map(({ eventId, draft }): Notification => ({
    ...draft,
    id: deps.ids.nextId(),
    eventId,
    createdAt: now,
    readAt: null,
  }));
  const sent = await inTransaction(deps.db, async (tx) => {
    const created = await notificationRepository.insertNew(tx, wanted);
    await notificationRepository.insertDeliveries(tx, created, channels);
    await deps.outbox.add(tx, created.map(sentEvent));
    return created;
  });
  deps.outbox.wake();
  for (const { id, userId, kind } of sent)
    deps.logger.info('notification', { channel: 'log', id, userId, kind });
}

const sentEvent = (notification: Notification) =>
  newEvent(notificationSent, notification.userId, {
    notification_id: notification.id,
    user_id: notification.userId,
    kind: notification.kind,
    channel: 'in-app',
    at: notification.createdAt.toISOString(),
  });
