import { CreateProducts1700000000001 } from './0001-create-products';
import { AddReservationRevision1700000000002 } from './0002-add-reservation-revision';
import { CreateOutboxBatches1700000000003 } from './0003-create-outbox-batches';

/** In the order they are applied. */
export const migrations = [
  CreateProducts1700000000001,
  AddReservationRevision1700000000002,
  CreateOutboxBatches1700000000003,
];
