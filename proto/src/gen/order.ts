import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { GetOrderRequest as _onrush_order_v1_GetOrderRequest, GetOrderRequest__Output as _onrush_order_v1_GetOrderRequest__Output } from './onrush/order/v1/GetOrderRequest';
import type { Order as _onrush_order_v1_Order, Order__Output as _onrush_order_v1_Order__Output } from './onrush/order/v1/Order';
import type { OrderServiceClient as _onrush_order_v1_OrderServiceClient, OrderServiceDefinition as _onrush_order_v1_OrderServiceDefinition } from './onrush/order/v1/OrderService';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  onrush: {
    order: {
      v1: {
        GetOrderRequest: MessageTypeDefinition<_onrush_order_v1_GetOrderRequest, _onrush_order_v1_GetOrderRequest__Output>
        Order: MessageTypeDefinition<_onrush_order_v1_Order, _onrush_order_v1_Order__Output>
        OrderService: SubtypeConstructor<typeof grpc.Client, _onrush_order_v1_OrderServiceClient> & { service: _onrush_order_v1_OrderServiceDefinition }
      }
    }
  }
}

