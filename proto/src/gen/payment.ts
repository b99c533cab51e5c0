import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CreatePaymentRequest as _onrush_payment_v1_CreatePaymentRequest, CreatePaymentRequest__Output as _onrush_payment_v1_CreatePaymentRequest__Output } from './onrush/payment/v1/CreatePaymentRequest';
import type { GetPaymentRequest as _onrush_payment_v1_GetPaymentRequest, GetPaymentRequest__Output as _onrush_payment_v1_GetPaymentRequest__Output } from './onrush/payment/v1/GetPaymentRequest';
import type { Payment as _onrush_payment_v1_Payment, Payment__Output as _onrush_payment_v1_Payment__Output } from './onrush/payment/v1/Payment';
import type { PaymentServiceClient as _onrush_payment_v1_PaymentServiceClient, PaymentServiceDefinition as _onrush_payment_v1_PaymentServiceDefinition } from './onrush/payment/v1/PaymentService';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  onrush: {
    payment: {
      v1: {
        CreatePaymentRequest: MessageTypeDefinition<_onrush_payment_v1_CreatePaymentRequest, _onrush_payment_v1_CreatePaymentRequest__Output>
        GetPaymentRequest: MessageTypeDefinition<_onrush_payment_v1_GetPaymentRequest, _onrush_payment_v1_GetPaymentRequest__Output>
        Payment: MessageTypeDefinition<_onrush_payment_v1_Payment, _onrush_payment_v1_Payment__Output>
        PaymentService: SubtypeConstructor<typeof grpc.Client, _onrush_payment_v1_PaymentServiceClient> & { service: _onrush_payment_v1_PaymentServiceDefinition }
      }
    }
  }
}

