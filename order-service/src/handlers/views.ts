import { isOfRehearsal } from '@onrush/proto';
import { z } from 'zod';
import type { Payment } from '../clients/payments';
import { transitions, type OrderStatus } from '../domain/order-states';
import type { OrderWithHistory } from '../use-cases/find-orders';

export const statusName = z.enum(Object.keys(transitions) as [OrderStatus, ...OrderStatus[]]);

export const orderView = z.object({
  id: z.string(),
  order_no: z.string(),
  user_id: z.string(),
  kind: z.enum(['ORDINARY', 'SECKILL']),
  status: statusName,
  total_amount: z.int(),
  currency: z.literal('CNY'),
  reservation_id: z.string().nullable(),
  activity_id: z.string().nullable(),
  rehearsal: z.boolean(),
  items: z.array(z.object({ product_id: z.string(), name: z.string(), price: z.int(), quantity: z.int() })),
  expires_at: z.string(),
  created_at: z.string(),
  paid_at: z.string().nullable(),
  cancelled_at: z.string().nullable(),
  cancel_reason: z.string().nullable(),
  history: z.array(z.object({ from: statusName.nullable(), to: statusName, at: z.string(), by: z.string() })),
});

export const paymentView = z.object({
  id: z.string(),
  payment_no: z.string(),
  order_id: z.string(),
  channel: z.string(),
  amount: z.int(),
  currency: z.string(),
  status: z.string(),
  pay_url: z.string(),
  qr_code: z.string(),
  expires_at: z.string(),
});

export const toOrderView = ({ order, history }: OrderWithHistory): z.input<typeof orderView> => ({
  id: order.id,
  order_no: order.id,
  user_id: order.userId,
  kind: order.kind,
  status: order.status,
  total_amount: order.totalAmount,
  currency: order.currency,
  reservation_id: order.reservationId,
  activity_id: order.activityId,
  rehearsal: isOfRehearsal(order.userId),
  items: order.items.map(({ productId, name, price, quantity }) => ({
    product_id: productId,
    name,
    price,
    quantity,
  })),
  expires_at: order.expiresAt.toISOString(),
  created_at: order.createdAt.toISOString(),
  paid_at: order.paidAt?.toISOString() ?? null,
  cancelled_at: order.cancelledAt?.toISOString() ?? null,
  cancel_reason: order.cancelReason,
  history: history.map(({ from, to, at, by }) => ({ from, to, at: at.toISOString(), by })),
});

export const toPaymentView = (payment: Payment): z.input<typeof paymentView> => ({
  id: payment.id,
  payment_no: payment.paymentNo,
  order_id: payment.orderId,
  channel: payment.channel,
  amount: payment.amount,
  currency: payment.currency,
  status: payment.status,
  pay_url: payment.payUrl,
  qr_code: payment.qrCode,
  expires_at: payment.expiresAt,
});
