import type { Order, OrderItem } from '../domain/order';
import type { OrderStatus } from '../domain/order-states';

export interface OrderRow {
  id: string;
  user_id: string;
  kind: 'ORDINARY' | 'SECKILL';
  status: OrderStatus;
  total_amount: string;
  currency: 'CNY';
  reservation_id: string | null;
  activity_id: string | null;
  expires_at: Date;
  created_at: Date;
  paid_at: Date | null;
  cancelled_at: Date | null;
  cancel_reason: string | null;
}

export interface ItemRow {
  order_id: string;
  product_id: string;
  name: string;
  price: string;
  quantity: number;
}

export const itemsOf = (orderId: string, rows: ItemRow[]): OrderItem[] =>
  rows
    .filter((row) => row.order_id === orderId)
    .map((row) => ({
      productId: row.product_id,
      name: row.name,
      price: Number(row.price),
      quantity: row.quantity,
    }));

export const toOrder = (row: OrderRow, items: OrderItem[]): Order => ({
  id: row.id,
  userId: row.user_id,
  kind: row.kind,
  status: row.status,
  totalAmount: Number(row.total_amount),
  currency: row.currency,
  reservationId: row.reservation_id,
  activityId: row.activity_id,
  expiresAt: row.expires_at,
  createdAt: row.created_at,
  paidAt: row.paid_at,
  cancelledAt: row.cancelled_at,
  cancelReason: row.cancel_reason,
  items,
});
