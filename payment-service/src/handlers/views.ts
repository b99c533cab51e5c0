import { z } from 'zod';
import type { Payment } from '../domain/payment';

const statusName = z.enum(['PENDING', 'SUCCEEDED', 'CLOSED', 'FAILED']);

export const paymentView = z.object({
  id: z.string(),
  payment_no: z.string(),
  order_id: z.string(),
  channel: z.string(),
  amount: z.int(),
  currency: z.literal('CNY'),
  status: statusName,
  pay_url: z.string(),
  qr_code: z.string(),
  expires_at: z.string(),
});

export const paymentStatusView = z.object({
  id: z.string(),
  payment_no: z.string(),
  order_id: z.string(),
  status: statusName,
  amount: z.int(),
  currency: z.literal('CNY'),
  refunded_amount: z.int(),
  paid_at: z.string().nullable(),
});

/** The mock provider has no page of its own: the URL names the payment that a signed callback will settle. */
export const payUrlOf = (payment: Payment, publicUrl: string): string =>
  `${publicUrl}/api/v1/payment/mock/${payment.paymentNo}`;

export const qrCodeOf = (payment: Payment): string => `mockpay://${payment.paymentNo}`;

export const toPaymentView = (payment: Payment, publicUrl: string): z.input<typeof paymentView> => ({
  id: payment.id,
  payment_no: payment.paymentNo,
  order_id: payment.orderId,
  channel: payment.channel,
  amount: payment.amount,
  currency: payment.currency,
  status: payment.status,
  pay_url: payUrlOf(payment, publicUrl),
  qr_code: qrCodeOf(payment),
  expires_at: payment.expiresAt.toISOString(),
});
