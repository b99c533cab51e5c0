import type { EntityManager } from 'typeorm';
import { newEvent } from '@onrush/chassis/message-broker';
import type { Outbox } from '@onrush/chassis/outbox';
import { paymentRefunded } from '@onrush/proto';
import { paymentRepository } from '../data/payment-repository';
import { refundEntry } from '../domain/journal';
import type { Payment } from '../domain/payment';
import { paymentEvent } from '../domain/payment-event';

/** Gives all of it back, once: the number of the refund follows from the payment. The channel `mock` refunds at once. */
export async function refundInFull(
  { outbox }: { outbox: Outbox },
  tx: EntityManager,
  { payment, reason }: { payment: Payment; reason: string },
): Promise<void> {
  if (!(await paymentRepository.addRefunded(tx, payment.id, payment.amount))) return;
  const refund = {
    id: payment.id,
    refundNo: `R${payment.id}`,
    paymentId: payment.id,
    amount: payment.amount,
    reason,
  };
  await paymentRepository.insertRefund(tx, refund);
  await paymentRepository.book(tx, refundEntry(payment, refund));
  await outbox.add(tx, [newEvent(paymentRefunded, payment.orderId, paymentEvent(payment, new Date()))]);
}
