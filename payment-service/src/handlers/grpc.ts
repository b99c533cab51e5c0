import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { paymentService } from '@onrush/proto';
import type { Payment } from '../domain/payment';
import { findPayment } from '../use-cases/find-payments';
import { startPayment, type StartPayment } from '../use-cases/start-payment';
import { payUrlOf, qrCodeOf } from './views';

export const grpcHandlers = (deps: StartPayment & { publicUrl: string }): ServedService =>
  serve(paymentService, {
    CreatePayment: {
      allow: ['order-service'],
      unary: async (request) => toMessage(await startPayment(deps, request), deps.publicUrl),
    },
    GetPayment: {
      allow: ['order-service'],
      unary: async ({ paymentId }) => toMessage(await findPayment(deps, paymentId), deps.publicUrl),
    },
  });

const toMessage = (payment: Payment, publicUrl: string) => ({
  id: payment.id,
  paymentNo: payment.paymentNo,
  orderId: payment.orderId,
  userId: payment.userId,
  channel: payment.channel,
  amount: payment.amount,
  currency: payment.currency,
  status: payment.status,
  payUrl: payUrlOf(payment, publicUrl),
  qrCode: qrCodeOf(payment),
  expiresAt: payment.expiresAt.toISOString(),
});
