import { z } from 'zod';

/** A kind of event: its type is also its topic. Payloads are JSON; fields may be added, never changed or removed. */
export interface EventOf<T> {
  type: string;
  version: number;
  schema: z.ZodType<T>;
}

const define = <S extends z.ZodType>(type: string, schema: S): EventOf<z.output<S>> => ({
  type,
  version: 1,
  schema: schema as z.ZodType<z.output<S>>,
});

/** A 64-bit snowflake as a decimal string. */
const id = z.string().regex(/^\d{1,20}$/);
const time = z.iso.datetime();
/** Integer, in fen. */
const fen = z.int().nonnegative();
const quantity = z.int().positive();

export type SeckillReserved = z.output<typeof seckillReservedSchema>;
const seckillReservedSchema = z.object({
  reservation_id: id,
  activity_id: id,
  user_id: id,
  order_no: id,
  product_id: id,
  product_name: z.string(),
  price: fen,
  quantity,
  payment_timeout_seconds: z.int().positive(),
  reserved_at: time,
});

export type OrderEvent = z.output<typeof orderEventSchema>;
const orderEventSchema = z.object({
  order_id: id,
  order_no: id,
  user_id: id,
  kind: z.enum(['ORDINARY', 'SECKILL']),
  total_amount: fen,
  currency: z.literal('CNY'),
  /** Set for orders of kind SECKILL. */
  reservation_id: id.nullable(),
  activity_id: id.nullable(),
  items: z.array(z.object({ product_id: id, name: z.string(), price: fen, quantity })),
  /** Why it was cancelled: `timeout`, `by-user`; null in the other events. */
  reason: z.string().nullable(),
  at: time,
});

export type PaymentEvent = z.output<typeof paymentEventSchema>;
const paymentEventSchema = z.object({
  payment_id: id,
  payment_no: z.string(),
  order_id: id,
  user_id: id,
  channel: z.string(),
  amount: fen,
  currency: z.literal('CNY'),
  at: time,
});

const reservationEnd = z.object({
  reservation_id: id,
  activity_id: id,
  user_id: id,
  order_no: id,
  quantity,
  /** Stable word: `sold-out`, `activity-closed`, `order-cancelled` … */
  reason: z.string(),
  at: time,
});
export type ReservationEnd = z.output<typeof reservationEnd>;

const userEvent = z.object({ user_id: id, username: z.string(), at: time });
export type UserEvent = z.output<typeof userEvent>;

const productEvent = z.object({ product_id: id, version: z.int(), at: time });
export type ProductEvent = z.output<typeof productEvent>;

const notificationEvent = z.object({
  notification_id: id,
  user_id: id,
  kind: z.string(),
  channel: z.string(),
  at: time,
});
export type NotificationEvent = z.output<typeof notificationEvent>;

/** Key: user id. */
export const userRegistered = define('user.registered', userEvent);
/** Key: product id. */
export const productChanged = define('product.changed', productEvent);
/** Key: reservation id. */
export const seckillReserved = define('seckill.reserved', seckillReservedSchema);
export const seckillRejected = define('seckill.rejected', reservationEnd);
export const seckillReleased = define('seckill.released', reservationEnd);
/** Key: order id. */
export const orderCreated = define('order.created', orderEventSchema);
export const orderPaid = define('order.paid', orderEventSchema);
export const orderCancelled = define('order.cancelled', orderEventSchema);
/** Key: order id, so that all that happens to one order stays in order. */
export const paymentSucceeded = define('payment.succeeded', paymentEventSchema);
export const paymentFailed = define('payment.failed', paymentEventSchema);
export const paymentRefunded = define('payment.refunded', paymentEventSchema);
/** Key: user id. */
export const notificationSent = define('notification.sent', notificationEvent);

export const allEvents: EventOf<unknown>[] = [
  userRegistered,
  productChanged,
  seckillReserved,
  seckillRejected,
  seckillReleased,
  orderCreated,
  orderPaid,
  orderCancelled,
  paymentSucceeded,
  paymentFailed,
  paymentRefunded,
  notificationSent,
];
