// Original file: onrush/product/v1/product.proto

import type { Long } from '@grpc/proto-loader';

export interface GetProductsRequest {
  'productIds'?: (number | string | Long)[];
}

export interface GetProductsRequest__Output {
  'productIds': (string)[];
}
