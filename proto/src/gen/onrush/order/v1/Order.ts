// Original file: onrush/order/v1/order.proto

import type { Long } from '@grpc/proto-loader';

export interface Order {
  'id'?: (number | string | Long);
  'orderNo'?: (number | string | Long);
  'userId'?: (number | string | Long);
  'kind'?: (string);
  'status'?: (string);
  'totalAmount'?: (number | string | Long);
  'currency'?: (string);
  'expiresAt'?: (string);
}

export interface Order__Output {
  'id': (string);
  'orderNo': (string);
  'userId': (string);
  'kind': (string);
  'status': (string);
  'totalAmount': (string);
  'currency': (string);
  'expiresAt': (string);
}
