import type { EntityManager } from 'typeorm';
import { newEvent } from '@onrush/chassis/message-broker';
import type { Outbox } from '@onrush/chassis/outbox';
import { paymentRefunded } from '@onrush/proto';
import { paymentRepository } from '../data/payment-repository';
import { refundEntry } from '../domain/journal';
import type { Payment } from '../domain/payment';
import { paymentEvent } from '../domain/payment-event';
import { fullRefund } from '../domain/refund';

/** Gives all of it back, once. The channel `mock` refunds at once. */
export async function refundInFull(
  { outbox }: { outbox: Outbox },
  tx: EntityManager,
  { payment, reason }: { payment: Payment; reason: string },
): Promise<void> {
  const refund = fullRefund(payment, reason);
  if (!(await paymentRepository.insertRefund(tx, refund))) return;
  if (!(await paymentRepository.addRefunded(tx, payment.id, refund.amount)))
    throw new Error(`payment ${payment.id} would give back more than it took`);
  await paymentRepository.book(tx, refundEntry(payment, refund));
  await outbox.add(tx, [newEvent(paymentRefunded, payment.orderId, paymentEvent(payment, new Date()))]);
}
