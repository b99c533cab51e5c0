// Original file: onrush/product/v1/product.proto

import type { Long } from '@grpc/proto-loader';

export interface OrderStockRequest {
  'orderId'?: (number | string | Long);
}

export interface OrderStockRequest__Output {
  'orderId': (string);
}
