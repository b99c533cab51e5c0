import { CreateActivities1700000000001 } from './0001-create-activities';
import { CreateOperations1700000000002 } from './0002-create-operations';
import { CreateRepairs1700000000003 } from './0003-create-repairs';
import { AddTokenRequired1700000000004 } from './0004-add-token-required';
import { AddWaitingRooms1700000000005 } from './0005-add-waiting-rooms';
import { AddBuckets1700000000006 } from './0006-add-buckets';
import { CreateOutboxBatches1700000000007 } from './0007-create-outbox-batches';
import { DropOrderNoIndex1700000000008 } from './0008-drop-order-no-index';

/** In the order they are applied. */
export const migrations = [
  CreateActivities1700000000001,
  CreateOperations1700000000002,
  CreateRepairs1700000000003,
  AddTokenRequired1700000000004,
  AddWaitingRooms1700000000005,
  AddBuckets1700000000006,
  CreateOutboxBatches1700000000007,
  DropOrderNoIndex1700000000008,
];
