import { inTransaction } from '@onrush/chassis/mysql';
import { paymentRepository } from '../data/payment-repository';
import type { SettlePayment } from './settle-payment';
import { refundInFull } from './refund-payment';

/** The order was cancelled: its payment is closed, and money that came in goes back. A second delivery changes nothing. */
export async function closePayment(deps: SettlePayment, orderId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    // The mark first, for a payment that begins at this moment: it looks for the mark after its own row.
    await paymentRepository.closeOrder(tx, orderId);
    const payment = await paymentRepository.lockByOrder(tx, orderId);
    switch (payment?.status) {
      case 'PENDING':
      case 'FAILED':
        return paymentRepository.markClosed(tx, payment.id);
      case 'SUCCEEDED':
        return refundInFull(deps, tx, { payment, reason: 'order-cancelled' });
      case 'CLOSED':
      case undefined:
        return;
    }
  });
  deps.outbox.wake();
}
