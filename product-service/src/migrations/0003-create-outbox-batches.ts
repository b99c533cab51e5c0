import { outboxBatchesMigration } from '@onrush/chassis/outbox';

export const CreateOutboxBatches1700000000003 = outboxBatchesMigration('1700000000003');
