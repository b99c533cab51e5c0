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

/** What a provider's word does to a payment. Money that was taken is never ignored, whatever we had closed or failed before. */
export function effectOf(
  payment: Pick<Payment, 'status'>,
  report: Pick<ProviderReport, 'status'>,
): 'capture' | 'fail' | 'none' {
  if (report.status === 'SUCCESS') return payment.status === 'SUCCEEDED' ? 'none' : 'capture';
  return payment.status === 'PENDING' ? 'fail' : 'none';
}
