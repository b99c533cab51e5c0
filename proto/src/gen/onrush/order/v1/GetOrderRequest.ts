// Original file: onrush/order/v1/order.proto

import type { Long } from '@grpc/proto-loader';

export interface GetOrderRequest {
  'orderId'?: (number | string | Long);
  'userId'?: (number | string | Long);
}

export interface GetOrderRequest__Output {
  'orderId': (string);
  'userId': (string);
}
