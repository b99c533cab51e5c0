import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { isOfRehearsal } from '@onrush/proto';
import type { Orders } from '../clients/orders';
import { paymentRepository } from '../data/payment-repository';
import { requestRepository } from '../data/request-repository';
import { createPayment, isPayable, type Payment } from '../domain/payment';
import { errors } from '../errors';

export interface StartPayment {
  db: DataSource;
  orders: Orders;
  ids: Snowflake;
}

export interface PaymentRequest {
  orderId: string;
  userId: string;
  channel: string;
  /** Absent when order-service asks. */
  idempotencyKey?: string | undefined;
}

/** One payment an order: the same order again gets the same payment, also when many ask at once. */
export async function startPayment(deps: StartPayment, request: PaymentRequest): Promise<Payment> {
  // No provider hears of a rehearsal, whatever channel was asked for.
  const channel = isOfRehearsal(request.userId) ? 'mock' : request.channel;
  if (channel !== 'mock') throw errors.channelNotConfigured({ meta: { channel } });
  const answered = await findAnswered(deps, request);
  if (answered) return answered;

  const order = await deps.orders.find(request.orderId, request.userId);
  const now = new Date();
  if (!isPayable(order, now))
    throw errors.orderNotPayable({ meta: { orderId: order.id, status: order.status } });
  const known = await paymentRepository.findByOrder(deps.db, order.id);
  if (known) return payAgain(deps, request);
  const payment = createPayment(deps.ids.nextId(), order, { channel, now });
  return (await begin(deps, payment, request)) ? payment : payAgain(deps, request);
}

/** What this Idempotency-Key got before, as it stands now. */
async function findAnswered({ db }: StartPayment, request: PaymentRequest): Promise<Payment | null> {
  if (request.idempotencyKey === undefined) return null;
  const orderId = await requestRepository.findOrder(db, request.userId, request.idempotencyKey);
  if (orderId === undefined) return null;
  if (orderId !== request.orderId) throw errors.idempotencyKeyReused();
  return paymentRepository.findByOrder(db, orderId);
}

/** False when somebody was faster. */
const begin = ({ db }: StartPayment, payment: Payment, request: PaymentRequest): Promise<boolean> =>
  inTransaction(db, async (tx) => {
    if (!(await paymentRepository.insert(tx, payment))) return false;
    // After the insert: a cancellation that we do not see yet will find our row.
    if (await paymentRepository.isOrderClosed(tx, payment.orderId)) throw notPayable(payment.orderId);
    await remember(tx, request);
    return true;
  });

/** A payment that failed at the provider may be tried again under its number. */
const payAgain = ({ db }: StartPayment, request: PaymentRequest): Promise<Payment> =>
  inTransaction(db, async (tx) => {
    const payment = await paymentRepository.lockByOrder(tx, request.orderId);
    if (!payment || payment.status === 'CLOSED') throw notPayable(request.orderId);
    await remember(tx, request);
    if (payment.status !== 'FAILED') return payment;
    await paymentRepository.reopen(tx, payment.id);
    return { ...payment, status: 'PENDING' };
  });

async function remember(tx: EntityManager, request: PaymentRequest): Promise<void> {
  const { userId, idempotencyKey, orderId } = request;
  if (idempotencyKey === undefined) return;
  const kept = await requestRepository.remember(tx, { userId, idempotencyKey, orderId });
  if (kept !== orderId) throw errors.idempotencyKeyReused();
}

const notPayable = (orderId: string) => errors.orderNotPayable({ meta: { orderId, status: 'CANCELLED' } });
