import type { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { paymentFailed, paymentSucceeded } from '@onrush/proto';
import { paymentRepository } from '../data/payment-repository';
import { captureEntry } from '../domain/journal';
import { effectOf, type Payment, type ProviderReport } from '../domain/payment';
import { paymentEvent } from '../domain/payment-event';
import { errors } from '../errors';
import { refundInFull } from './refund-payment';

export interface SettlePayment {
  db: DataSource;
  outbox: Outbox;
  logger: Logger;
}

/**
 * What the provider reports, once, however often it does. Money for a payment that we had closed is booked and goes back at once. What does
 * not match our payment changes nothing, and is kept for a person to look at.
 */
export async function settlePayment(
  deps: SettlePayment,
  report: ProviderReport,
  body: string,
): Promise<void> {
  const mismatch = await inTransaction(deps.db, async (tx) => {
    const payment = await paymentRepository.lockByNumber(tx, report.paymentNo);
    const difference = differenceOf(payment, report);
    if (difference || !payment) return difference;
    await apply(deps, tx, { payment, report });
    return undefined;
  });
  if (mismatch) {
    deps.logger.error('callback does not match', { paymentNo: report.paymentNo, reason: mismatch });
    await paymentRepository.recordAnomaly(deps.db, { paymentNo: report.paymentNo, reason: mismatch, body });
    throw errors.callbackMismatch({ meta: { reason: mismatch } });
  }
  deps.outbox.wake();
}

function differenceOf(payment: Payment | null, report: ProviderReport): string | undefined {
  if (!payment || payment.channel !== 'mock') return 'unknown payment';
  if (payment.amount !== report.amount) return 'another amount';
  if (payment.currency !== report.currency) return 'another currency';
  return undefined;
}

async function apply(
  { outbox }: SettlePayment,
  tx: EntityManager,
  { payment, report }: { payment: Payment; report: ProviderReport },
): Promise<void> {
  switch (effectOf(payment, report)) {
    case 'none':
      return;
    case 'fail':
      await paymentRepository.markStatus(tx, payment.id, 'FAILED');
      await outbox.add(tx, [newEvent(paymentFailed, payment.orderId, paymentEvent(payment, new Date()))]);
      return;
    case 'capture':
      await paymentRepository.markCaptured(tx, payment.id, report);
      await paymentRepository.book(tx, captureEntry(payment));
      await outbox.add(tx, [
        newEvent(paymentSucceeded, payment.orderId, paymentEvent(payment, report.paidAt)),
      ]);
      if (payment.status === 'CLOSED')
        await refundInFull({ outbox }, tx, { payment, reason: 'order-cancelled' });
  }
}
