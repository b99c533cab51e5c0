// Original file: onrush/product/v1/product.proto

import type { Long } from '@grpc/proto-loader';

export interface Product {
  'id'?: (number | string | Long);
  'name'?: (string);
  'price'?: (number | string | Long);
  'stock'?: (number | string | Long);
  'status'?: (string);
}

export interface Product__Output {
  'id': (string);
  'name': (string);
  'price': (string);
  'stock': (string);
  'status': (string);
}
