// Original file: onrush/product/v1/product.proto

import type { Long } from '@grpc/proto-loader';

export interface StockLine {
  'productId'?: (number | string | Long);
  'quantity'?: (number);
}

export interface StockLine__Output {
  'productId': (string);
  'quantity': (number);
}
