// Original file: onrush/payment/v1/payment.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreatePaymentRequest as _onrush_payment_v1_CreatePaymentRequest, CreatePaymentRequest__Output as _onrush_payment_v1_CreatePaymentRequest__Output } from '../../../onrush/payment/v1/CreatePaymentRequest';
import type { GetPaymentRequest as _onrush_payment_v1_GetPaymentRequest, GetPaymentRequest__Output as _onrush_payment_v1_GetPaymentRequest__Output } from '../../../onrush/payment/v1/GetPaymentRequest';
import type { Payment as _onrush_payment_v1_Payment, Payment__Output as _onrush_payment_v1_Payment__Output } from '../../../onrush/payment/v1/Payment';

export interface PaymentServiceClient extends grpc.Client {
  CreatePayment(argument: _onrush_payment_v1_CreatePaymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  CreatePayment(argument: _onrush_payment_v1_CreatePaymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  CreatePayment(argument: _onrush_payment_v1_CreatePaymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  CreatePayment(argument: _onrush_payment_v1_CreatePaymentRequest, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  createPayment(argument: _onrush_payment_v1_CreatePaymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  createPayment(argument: _onrush_payment_v1_CreatePaymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  createPayment(argument: _onrush_payment_v1_CreatePaymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  createPayment(argument: _onrush_payment_v1_CreatePaymentRequest, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  
  GetPayment(argument: _onrush_payment_v1_GetPaymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  GetPayment(argument: _onrush_payment_v1_GetPaymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  GetPayment(argument: _onrush_payment_v1_GetPaymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  GetPayment(argument: _onrush_payment_v1_GetPaymentRequest, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  getPayment(argument: _onrush_payment_v1_GetPaymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  getPayment(argument: _onrush_payment_v1_GetPaymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  getPayment(argument: _onrush_payment_v1_GetPaymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  getPayment(argument: _onrush_payment_v1_GetPaymentRequest, callback: grpc.requestCallback<_onrush_payment_v1_Payment__Output>): grpc.ClientUnaryCall;
  
}

export interface PaymentServiceHandlers extends grpc.UntypedServiceImplementation {
  CreatePayment: grpc.handleUnaryCall<_onrush_payment_v1_CreatePaymentRequest__Output, _onrush_payment_v1_Payment>;
  
  GetPayment: grpc.handleUnaryCall<_onrush_payment_v1_GetPaymentRequest__Output, _onrush_payment_v1_Payment>;
  
}

export interface PaymentServiceDefinition extends grpc.ServiceDefinition {
  CreatePayment: MethodDefinition<_onrush_payment_v1_CreatePaymentRequest, _onrush_payment_v1_Payment, _onrush_payment_v1_CreatePaymentRequest__Output, _onrush_payment_v1_Payment__Output>
  GetPayment: MethodDefinition<_onrush_payment_v1_GetPaymentRequest, _onrush_payment_v1_Payment, _onrush_payment_v1_GetPaymentRequest__Output, _onrush_payment_v1_Payment__Output>
}
