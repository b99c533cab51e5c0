import type { DataSource } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import type { Orders } from '../clients/orders';
import { paymentRepository } from '../data/payment-repository';
import { createPayment, type Payment } from '../domain/payment';
import { errors } from '../errors';

export interface StartPayment {
  db: DataSource;
  orders: Orders;
  ids: Snowflake;
}

/** One payment an order: the same order again gets the same payment, also when two ask at once. */
export async function startPayment(
  deps: StartPayment,
  { orderId, userId, channel }: { orderId: string; userId: string; channel: string },
): Promise<Payment> {
  if (channel !== 'mock') throw errors.channelNotConfigured({ meta: { channel } });
  const order = await deps.orders.find(orderId, userId);
  const known = await paymentRepository.findByOrder(deps.db, orderId);
  if (known) return again(deps, known, channel);
  if (order.status !== 'CREATED' || order.expiresAt <= new Date())
    throw errors.orderNotPayable({ meta: { orderId, status: order.status } });

  const payment = createPayment(deps.ids.nextId(), order, { channel, now: new Date() });
  const inserted = await inTransaction(deps.db, async (tx) => {
    if (await paymentRepository.isOrderClosed(tx, orderId))
      throw errors.orderNotPayable({ meta: { orderId, status: 'CANCELLED' } });
    return paymentRepository.insert(tx, payment);
  });
  if (inserted) return payment;
  const faster = await paymentRepository.findByOrder(deps.db, orderId);
  if (!faster) throw errors.unavailable({ retryAfterSeconds: 1 });
  return again(deps, faster, channel);
}

/** A payment that failed at the provider may be tried again under its number. */
async function again({ db }: StartPayment, payment: Payment, channel: string): Promise<Payment> {
  if (payment.channel !== channel) throw errors.channelInUse({ meta: { orderId: payment.orderId } });
  switch (payment.status) {
    case 'CLOSED':
      throw errors.orderNotPayable({ meta: { orderId: payment.orderId, status: payment.status } });
    case 'FAILED':
      await paymentRepository.reopen(db, payment.id);
      return { ...payment, status: 'PENDING' };
    case 'PENDING':
    case 'SUCCEEDED':
      return payment;
  }
}
