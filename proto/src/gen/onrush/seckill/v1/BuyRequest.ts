// Original file: onrush/seckill/v1/seckill.proto

import type { Long } from '@grpc/proto-loader';

export interface BuyRequest {
  'callId'?: (number);
  'activityId'?: (number | string | Long);
  'userId'?: (number | string | Long);
  'quantity'?: (number);
  'idempotencyKey'?: (string);
  'purchaseToken'?: (string);
}

export interface BuyRequest__Output {
  'callId': (number);
  'activityId': (string);
  'userId': (string);
  'quantity': (number);
  'idempotencyKey': (string);
  'purchaseToken': (string);
}
