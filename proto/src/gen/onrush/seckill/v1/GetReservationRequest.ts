// Original file: onrush/seckill/v1/seckill.proto

import type { Long } from '@grpc/proto-loader';

export interface GetReservationRequest {
  'reservationId'?: (number | string | Long);
  'userId'?: (number | string | Long);
}

export interface GetReservationRequest__Output {
  'reservationId': (string);
  'userId': (string);
}
