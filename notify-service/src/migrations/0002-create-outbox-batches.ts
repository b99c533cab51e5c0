import { outboxBatchesMigration } from '@onrush/chassis/outbox';

export const CreateOutboxBatches1700000000002 = outboxBatchesMigration('1700000000002');
