import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { paymentService } from '@onrush/proto';

export interface Payment {
  id: string;
  paymentNo: string;
  orderId: string;
  channel: string;
  amount: number;
  currency: string;
  status: string;
  payUrl: string;
  qrCode: string;
  expiresAt: string;
}

export interface Payments {
  /** The same order and channel again gets the same payment. */
  create(orderId: string, userId: string, channel: string): Promise<Payment>;
}

export const createPayments = (client: GrpcClient<typeof paymentService>): Payments => ({
  async create(orderId, userId, channel) {
    const payment = await client.call('CreatePayment', { orderId, userId, channel }, { idempotent: true });
    return { ...payment, amount: Number(payment.amount) };
  },
});
