import { isOfRehearsal } from '@onrush/proto';
import type { Payment } from './payment';

/** One line of double-entry bookkeeping: the debits of an entry equal its credits. Amounts in fen. */
export interface JournalLine {
  entryId: string;
  account: string;
  debit: number;
  credit: number;
  /** The payment it is about. */
  reference: string;
}

/** The provider owes us what the buyer paid; we owe the buyer a ticket. */
export const captureEntry = (payment: Payment): JournalLine[] =>
  transfer(payment, {
    entryId: `capture:${payment.paymentNo}`,
    debited: `provider:${payment.channel}`,
    credited: 'customer-orders',
    amount: payment.amount,
  });

/** The other way round. */
export const refundEntry = (
  payment: Payment,
  { refundNo, amount }: { refundNo: string; amount: number },
): JournalLine[] =>
  transfer(payment, {
    entryId: `refund:${refundNo}`,
    debited: 'customer-orders',
    credited: `provider:${payment.channel}`,
    amount,
  });

/** What a rehearsal moves is booked like money, in accounts of its own: the real ones never hear of it, and the whole still sums to zero. */
const accountOf = ({ userId }: Payment, name: string): string =>
  isOfRehearsal(userId) ? `rehearsal:${name}` : name;

const transfer = (
  payment: Payment,
  {
    entryId,
    debited,
    credited,
    amount,
  }: Record<'entryId' | 'debited' | 'credited', string> & { amount: number },
): JournalLine[] => [
  {
    entryId,
    account: accountOf(payment, debited),
    debit: amount,
    credit: 0,
    reference: payment.paymentNo,
  },
  {
    entryId,
    account: accountOf(payment, credited),
    debit: 0,
    credit: amount,
    reference: payment.paymentNo,
  },
];
