import type { OrderEvent, PaymentEvent, ReservationEnd, UserEvent } from '@onrush/proto';
import type { Draft } from './notification';

/** Fen as a person reads them. */
export const yuan = (fen: number): string => `¥${(fen / 100).toFixed(2)}`;

const aboutOrder = (kind: string, event: OrderEvent, text: { title: string; body: string }): Draft => ({
  userId: event.user_id,
  kind,
  ...text,
  data: { order_id: event.order_id, order_no: event.order_no },
});

const aboutPayment = (kind: string, event: PaymentEvent, text: { title: string; body: string }): Draft => ({
  userId: event.user_id,
  kind,
  ...text,
  data: { order_id: event.order_id, payment_id: event.payment_id },
});

const itemsOf = (event: OrderEvent): string =>
  event.items.map((item) => `${item.name} × ${item.quantity}`).join(', ');

const cancelReasons: Record<string, string> = {
  timeout: 'it was not paid in time',
  'by-user': 'you cancelled it',
};

/** Every text we send, by kind. */
export const templates = {
  'user.registered': (event: UserEvent): Draft => ({
    userId: event.user_id,
    kind: 'user.registered',
    title: 'Welcome to Onrush',
    body: `${event.username}, your account is ready.`,
    data: {},
  }),
  'order.created': (event: OrderEvent) =>
    aboutOrder('order.created', event, {
      title: 'Order placed',
      body: `${itemsOf(event)}: ${yuan(event.total_amount)}. Please pay before the time runs out.`,
    }),
  'order.paid': (event: OrderEvent) =>
    aboutOrder('order.paid', event, {
      title: 'Order paid',
      body: `${itemsOf(event)}: ${yuan(event.total_amount)}. Enjoy!`,
    }),
  'order.cancelled': (event: OrderEvent) =>
    aboutOrder('order.cancelled', event, {
      title: 'Order cancelled',
      body: `${itemsOf(event)}: ${cancelReasons[event.reason ?? ''] ?? 'it was cancelled'}.`,
    }),
  'payment.succeeded': (event: PaymentEvent) =>
    aboutPayment('payment.succeeded', event, {
      title: 'Payment received',
      body: `We received ${yuan(event.amount)}.`,
    }),
  'payment.refunded': (event: PaymentEvent) =>
    aboutPayment('payment.refunded', event, {
      title: 'Money returned',
      body: `${yuan(event.amount)} went back to you.`,
    }),
  'seckill.rejected': (event: ReservationEnd): Draft => ({
    userId: event.user_id,
    kind: 'seckill.rejected',
    title: 'No ticket this time',
    body: 'Your reservation could not be kept. You have not been charged.',
    data: { activity_id: event.activity_id, reservation_id: event.reservation_id },
  }),
};
