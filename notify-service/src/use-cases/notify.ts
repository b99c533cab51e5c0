import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import type { Snowflake } from '@onrush/chassis/snowflake';
import type { Traced } from '@onrush/chassis/spans';
import { isOfRehearsal, notificationSent } from '@onrush/proto';
import { notificationRepository } from '../data/notification-repository';
import { createNotification, type Draft, type Notification } from '../domain/notification';

export interface Notify {
  db: DataSource;
  outbox: Outbox;
  ids: Snowflake;
  logger: Logger;
}

/** An event, and what its user is to be told. */
export interface Told extends Traced {
  eventId: string;
  draft: Draft;
}

/** One notification an event, and none for a synthetic user, who is nobody. The unique event id lets the first delivery through. Rows and events are one transaction. */
export async function notify(deps: Notify, drafts: Told[]): Promise<void> {
  const toPeople = drafts.filter(({ draft }) => !isOfRehearsal(draft.userId));
  if (toPeople.length === 0) return;
  const causes = new Map(toPeople.map((told) => [told.eventId, told]));
  const now = new Date();
  const wanted = toPeople.map(({ eventId, draft }) =>
    createNotification(draft, { id: deps.ids.nextId(), eventId, now }),
  );
  const sent = await inTransaction(deps.db, async (tx) => {
    const created = await notificationRepository.insertNew(tx, wanted);
    await deps.outbox.add(
      tx,
      created.map((notification) => sentEvent(notification, causes.get(notification.eventId))),
    );
    return created;
  });
  deps.outbox.wake();
  writeToLog(deps.logger, sent);
}

/** A line costs a fifth of what the whole notification costs: in the middle of a sale one line stands for many, and the many are for debugging. */
const fewEnoughForLines = 50;

function writeToLog(logger: Logger, sent: Notification[]): void {
  const isBulk = sent.length > fewEnoughForLines;
  for (const { id, userId, kind } of sent) {
    const fields = { channel: 'log', id, userId, kind };
    if (isBulk) logger.debug('notification', fields);
    else logger.info('notification', fields);
  }
  if (isBulk) logger.info('notifications', { channel: 'log', count: sent.length, kind: sent[0]?.kind });
}

const sentEvent = (notification: Notification, cause: Traced | undefined) =>
  newEvent(
    notificationSent,
    notification.userId,
    {
      notification_id: notification.id,
      user_id: notification.userId,
      kind: notification.kind,
      channel: 'in-app',
      at: notification.createdAt.toISOString(),
    },
    cause,
  );
