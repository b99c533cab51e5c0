import { CreateNotifications1700000000001 } from './0001-create-notifications';
import { CreateOutboxBatches1700000000002 } from './0002-create-outbox-batches';
import { DropUnreadIndex1700000000003 } from './0003-drop-unread-index';
import { CreateAlerts1700000000004 } from './0004-create-alerts';

/** In the order they are applied. */
export const migrations = [
  CreateNotifications1700000000001,
  CreateOutboxBatches1700000000002,
  DropUnreadIndex1700000000003,
  CreateAlerts1700000000004,
];
