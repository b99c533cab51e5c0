import type { Payment } from './payment';

export interface Refund {
  id: string;
  refundNo: string;
  paymentId: string;
  /** In fen. */
  amount: number;
  reason: string;
}

/** All of it, once: the number of the refund follows from the payment. */
export const fullRefund = (payment: Payment, reason: string): Refund => ({
  id: payment.id,
  refundNo: `R${payment.id}`,
  paymentId: payment.id,
  amount: payment.amount,
  reason,
});
