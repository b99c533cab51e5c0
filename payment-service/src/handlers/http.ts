import { route, type Route } from '@onrush/chassis/http-routes';
import { idText } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import { findOwnPayment } from '../use-cases/find-payments';
import type { SettlePayment } from '../use-cases/settle-payment';
import { startPayment, type StartPayment } from '../use-cases/start-payment';
import { mockCallback } from './mock-callback';
import { paymentStatusView, paymentView, toPaymentView } from './views';

const wantedPayment = z.strictObject({ order_id: idText, channel: z.enum(['alipay', 'wechat', 'mock']) });

export type HttpDeps = StartPayment & SettlePayment & { publicUrl: string; mockPaymentSecret: string };

export const httpRoutes = (deps: HttpDeps): Route[] => [
  route(
    'POST /api/v1/payment/create',
    {
      summary: 'Pay an order',
      access: 'user',
      body: wantedPayment,
      reply: paymentView,
      status: 201,
      idempotencyKey: 'required',
    },
    async ({ body, user, idempotencyKey }) => {
      const { order_id: orderId, channel } = body;
      const payment = await startPayment(deps, { orderId, userId: user.id, channel, idempotencyKey });
      return toPaymentView(payment, deps.publicUrl);
    },
  ),
  route(
    'GET /api/v1/payment/:id/status',
    {
      summary: 'How a payment stands',
      access: 'user',
      params: z.strictObject({ id: idText }),
      reply: paymentStatusView,
    },
    async ({ params, user }) => {
      const payment = await findOwnPayment(deps, params.id, user.id);
      return {
        id: payment.id,
        payment_no: payment.paymentNo,
        order_id: payment.orderId,
        status: payment.status,
        amount: payment.amount,
        currency: payment.currency,
        refunded_amount: payment.refundedAmount,
        paid_at: payment.paidAt?.toISOString() ?? null,
      };
    },
  ),
  mockCallback(deps),
];
