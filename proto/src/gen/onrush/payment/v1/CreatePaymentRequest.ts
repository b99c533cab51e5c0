// Original file: onrush/payment/v1/payment.proto

import type { Long } from '@grpc/proto-loader';

export interface CreatePaymentRequest {
  'orderId'?: (number | string | Long);
  'userId'?: (number | string | Long);
  'channel'?: (string);
}

export interface CreatePaymentRequest__Output {
  'orderId': (string);
  'userId': (string);
  'channel': (string);
}
