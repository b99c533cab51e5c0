import type { DataSource } from 'typeorm';
import { orderRepository, type OrderFilter } from '../data/order-repository';
import type { Order, OrderChange } from '../domain/order';
import { errors } from '../errors';

export interface OrderWithHistory {
  order: Order;
  history: OrderChange[];
}

/** Another user's order does not exist. */
export async function findOwnOrder(
  { db }: { db: DataSource },
  orderId: string,
  userId: string,
): Promise<OrderWithHistory> {
  const order = await orderRepository.find(db, orderId);
  if (order?.userId !== userId) throw errors.orderNotFound({ meta: { orderId } });
  const histories = await orderRepository.histories(db, [order]);
  return { order, history: histories.get(orderId) ?? [] };
}

/** On behalf of a service. */
export async function findOrder({ db }: { db: DataSource }, orderId: string): Promise<Order> {
  const order = await orderRepository.find(db, orderId);
  if (!order) throw errors.orderNotFound({ meta: { orderId } });
  return order;
}

export async function listOrders(
  { db }: { db: DataSource },
  filter: OrderFilter,
): Promise<{ items: OrderWithHistory[]; total: number }> {
  const { items, total } = await orderRepository.list(db, filter);
  const histories = await orderRepository.histories(db, items);
  return { items: items.map((order) => ({ order, history: histories.get(order.id) ?? [] })), total };
}
