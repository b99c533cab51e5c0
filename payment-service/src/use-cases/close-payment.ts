import { inTransaction } from '@onrush/chassis/mysql';
import { paymentRepository } from '../data/payment-repository';
import type { SettlePayment } from './settle-payment';
import { refundInFull } from './refund-payment';

/** The order was cancelled: a pending payment is closed, and money that came in goes back. A second delivery changes nothing. */
export async function closePayment(deps: SettlePayment, orderId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await paymentRepository.closeOrder(tx, orderId);
    const payment = await paymentRepository.lockByOrder(tx, orderId);
    if (payment?.status === 'PENDING') await paymentRepository.markStatus(tx, payment.id, 'CLOSED');
    if (payment?.status === 'SUCCEEDED') await refundInFull(deps, tx, { payment, reason: 'order-cancelled' });
  });
  deps.outbox.wake();
}
