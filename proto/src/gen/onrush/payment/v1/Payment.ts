// Original file: onrush/payment/v1/payment.proto

import type { Long } from '@grpc/proto-loader';

export interface Payment {
  'id'?: (number | string | Long);
  'paymentNo'?: (string);
  'orderId'?: (number | string | Long);
  'userId'?: (number | string | Long);
  'channel'?: (string);
  'amount'?: (number | string | Long);
  'currency'?: (string);
  'status'?: (string);
  'payUrl'?: (string);
  'expiresAt'?: (string);
}

export interface Payment__Output {
  'id': (string);
  'paymentNo': (string);
  'orderId': (string);
  'userId': (string);
  'channel': (string);
  'amount': (string);
  'currency': (string);
  'status': (string);
  'payUrl': (string);
  'expiresAt': (string);
}
