// Original file: onrush/seckill/v1/seckill.proto

import type { Long } from '@grpc/proto-loader';

export interface Reservation {
  'id'?: (number | string | Long);
  'activityId'?: (number | string | Long);
  'orderNo'?: (number | string | Long);
  'userId'?: (number | string | Long);
  'quantity'?: (number);
  'status'?: (string);
  'reason'?: (string);
}

export interface Reservation__Output {
  'id': (string);
  'activityId': (string);
  'orderNo': (string);
  'userId': (string);
  'quantity': (number);
  'status': (string);
  'reason': (string);
}
