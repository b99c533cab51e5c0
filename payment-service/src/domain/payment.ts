export type PaymentStatus = 'PENDING' | 'SUCCEEDED' | 'CLOSED' | 'FAILED';

export interface Payment {
  id: string;
  paymentNo: string;
  orderId: string;
  userId: string;
  channel: string;
  /** In fen. */
  amount: number;
  currency: 'CNY';
  status: PaymentStatus;
  refundedAmount: number;
  /** The provider's number of the last try that it reported. */
  tradeNo: string | null;
  expiresAt: Date;
  createdAt: Date;
  paidAt: Date | null;
}

export interface PayableOrder {
  id: string;
  userId: string;
  status: string;
  totalAmount: number;
  expiresAt: Date;
}

export function createPayment(
  id: string,
  order: PayableOrder,
  { channel, now }: { channel: string; now: Date },
): Payment {
  return {
    id,
    paymentNo: `P${id}`,
    orderId: order.id,
    userId: order.userId,
    channel,
    amount: order.totalAmount,
    currency: 'CNY',
    status: 'PENDING',
    refundedAmount: 0,
    tradeNo: null,
    expiresAt: order.expiresAt,
    createdAt: now,
    paidAt: null,
  };
}

export interface ProviderReport {
  paymentNo: string;
  tradeNo: string;
  amount: number;
  currency: string;
  status: 'SUCCESS' | 'FAILED';
  paidAt: Date;
}

export type Effect = 'capture' | 'fail' | 'paid-twice' | 'none';

/**
 * What a provider's word does to a payment. Money that was taken is never ignored, whatever we had closed or failed before; a report of a
 * try that we know already does nothing, also when the buyer has begun another try since.
 */
export function effectOf(
  payment: Pick<Payment, 'status' | 'tradeNo'>,
  report: Pick<ProviderReport, 'status' | 'tradeNo'>,
): Effect {
  const isKnownTry = payment.tradeNo === report.tradeNo;
  if (report.status === 'FAILED') return payment.status === 'PENDING' && !isKnownTry ? 'fail' : 'none';
  if (payment.status !== 'SUCCEEDED') return 'capture';
  return isKnownTry ? 'none' : 'paid-twice';
}

export const isPayable = (order: Pick<PayableOrder, 'status' | 'expiresAt'>, now: Date): boolean =>
  order.status === 'CREATED' && order.expiresAt > now;
