import { EntitySchema } from 'typeorm';
import type { Activity } from '../domain/activity';

const fen = { to: (value: number) => value, from: (value: string) => Number(value) };
const time = { type: 'datetime', precision: 3 } as const;

export const ActivityTable = new EntitySchema<Activity>({
  name: 'Activity',
  tableName: 'activities',
  columns: {
    id: { type: 'bigint', unsigned: true, primary: true },
    title: { type: 'varchar', length: 200 },
    productId: { name: 'product_id', type: 'bigint', unsigned: true },
    productName: { name: 'product_name', type: 'varchar', length: 200 },
    price: { type: 'bigint', transformer: fen },
    total: { type: 'int' },
    sold: { type: 'int', default: 0 },
    perUserLimit: { name: 'per_user_limit', type: 'int' },
    startsAt: { name: 'starts_at', ...time },
    endsAt: { name: 'ends_at', ...time },
    paymentTimeoutSeconds: { name: 'payment_timeout_seconds', type: 'int' },
    tokenRequired: { name: 'token_required', type: 'boolean', default: false },
    waitingRoom: { name: 'waiting_room', type: 'simple-json', nullable: true },
    buckets: { type: 'int', default: 1 },
    epoch: { type: 'int', default: 0 },
    warmedAt: { name: 'warmed_at', ...time, nullable: true },
    drainedAt: { name: 'drained_at', ...time, nullable: true },
    controlStatus: { name: 'control_status', type: 'varchar', length: 16, default: 'OPEN' },
    revision: { type: 'int', default: 0 },
    stockRevision: { name: 'stock_revision', type: 'int', default: 0 },
    version: { type: 'int', default: 1 },
    createdAt: { name: 'created_at', ...time },
    updatedAt: { name: 'updated_at', ...time },
  },
});
