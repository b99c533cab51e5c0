// Original file: onrush/order/v1/order.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetOrderRequest as _onrush_order_v1_GetOrderRequest, GetOrderRequest__Output as _onrush_order_v1_GetOrderRequest__Output } from '../../../onrush/order/v1/GetOrderRequest';
import type { Order as _onrush_order_v1_Order, Order__Output as _onrush_order_v1_Order__Output } from '../../../onrush/order/v1/Order';

export interface OrderServiceClient extends grpc.Client {
  GetOrder(argument: _onrush_order_v1_GetOrderRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  GetOrder(argument: _onrush_order_v1_GetOrderRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  GetOrder(argument: _onrush_order_v1_GetOrderRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  GetOrder(argument: _onrush_order_v1_GetOrderRequest, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  getOrder(argument: _onrush_order_v1_GetOrderRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  getOrder(argument: _onrush_order_v1_GetOrderRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  getOrder(argument: _onrush_order_v1_GetOrderRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  getOrder(argument: _onrush_order_v1_GetOrderRequest, callback: grpc.requestCallback<_onrush_order_v1_Order__Output>): grpc.ClientUnaryCall;
  
}

export interface OrderServiceHandlers extends grpc.UntypedServiceImplementation {
  GetOrder: grpc.handleUnaryCall<_onrush_order_v1_GetOrderRequest__Output, _onrush_order_v1_Order>;
  
}

export interface OrderServiceDefinition extends grpc.ServiceDefinition {
  GetOrder: MethodDefinition<_onrush_order_v1_GetOrderRequest, _onrush_order_v1_Order, _onrush_order_v1_GetOrderRequest__Output, _onrush_order_v1_Order__Output>
}
