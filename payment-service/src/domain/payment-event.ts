import type { PaymentEvent } from '@onrush/proto';
import type { Payment } from './payment';

export const paymentEvent = (payment: Payment, at: Date): PaymentEvent => ({
  payment_id: payment.id,
  payment_no: payment.paymentNo,
  order_id: payment.orderId,
  user_id: payment.userId,
  channel: payment.channel,
  amount: payment.amount,
  currency: payment.currency,
  at: at.toISOString(),
});
