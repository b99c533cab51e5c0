import type { Payment } from './payment';

/** One line of double-entry bookkeeping: the lines of an entry add up to zero. Amounts in fen; plus is debit, minus is credit. */
export interface JournalLine {
  entry: string;
  account: string;
  amount: number;
}

/** The provider owes us what the buyer paid; we owe the buyer a ticket. */
export const captureEntry = (payment: Payment): JournalLine[] => [
  { entry: `capture:${payment.paymentNo}`, account: `provider:${payment.channel}`, amount: payment.amount },
  { entry: `capture:${payment.paymentNo}`, account: 'customer-orders', amount: -payment.amount },
];

/** The other way round. */
export const refundEntry = (
  payment: Payment,
  refund: { refundNo: string; amount: number },
): JournalLine[] => [
  { entry: `refund:${refund.refundNo}`, account: 'customer-orders', amount: refund.amount },
  { entry: `refund:${refund.refundNo}`, account: `provider:${payment.channel}`, amount: -refund.amount },
];
