// Original file: onrush/payment/v1/payment.proto

import type { Long } from '@grpc/proto-loader';

export interface GetPaymentRequest {
  'paymentId'?: (number | string | Long);
}

export interface GetPaymentRequest__Output {
  'paymentId': (string);
}
