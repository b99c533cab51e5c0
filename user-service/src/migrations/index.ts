import { CreateUsers1700000000001 } from './0001-create-users';
import { CompareUsernamesExactly1700000000002 } from './0002-compare-usernames-exactly';
import { CreateOutboxBatches1700000000003 } from './0003-create-outbox-batches';

/** In the order they are applied. */
export const migrations = [
  CreateUsers1700000000001,
  CompareUsernamesExactly1700000000002,
  CreateOutboxBatches1700000000003,
];
