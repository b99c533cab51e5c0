import type { OrderStatus } from './order-states';

export interface OrderItem {
  productId: string;
  name: string;
  /** In fen. */
  price: number;
  quantity: number;
}

export interface OrderChange {
  from: OrderStatus | null;
  to: OrderStatus;
  at: Date;
  /** `system`, or `user:<id>`. */
  by: string;
}

export interface Order {
  /** Also the order number. */
  id: string;
  userId: string;
  kind: 'ORDINARY' | 'SECKILL';
  status: OrderStatus;
  totalAmount: number;
  currency: 'CNY';
  reservationId: string | null;
  activityId: string | null;
  expiresAt: Date;
  createdAt: Date;
  paidAt: Date | null;
  cancelledAt: Date | null;
  cancelReason: string | null;
  items: OrderItem[];
}

export type NewOrder = Pick<
  Order,
  'id' | 'userId' | 'kind' | 'reservationId' | 'activityId' | 'items' | 'createdAt' | 'expiresAt'
>;

export const totalOf = (items: OrderItem[]): number =>
  items.reduce((sum, item) => sum + item.price * item.quantity, 0);

export const createOrder = (wanted: NewOrder): Order => ({
  ...wanted,
  status: 'CREATED',
  totalAmount: totalOf(wanted.items),
  currency: 'CNY',
  paidAt: null,
  cancelledAt: null,
  cancelReason: null,
});
