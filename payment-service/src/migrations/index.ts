import { CreatePayments1700000000001 } from './0001-create-payments';
import { CreateOutboxBatches1700000000002 } from './0002-create-outbox-batches';

/** In the order they are applied. */
export const migrations = [CreatePayments1700000000001, CreateOutboxBatches1700000000002];
