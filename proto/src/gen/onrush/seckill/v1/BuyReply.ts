// Original file: onrush/seckill/v1/seckill.proto

import type { Refusal as _onrush_seckill_v1_Refusal, Refusal__Output as _onrush_seckill_v1_Refusal__Output } from '../../../onrush/seckill/v1/Refusal';
import type { Long } from '@grpc/proto-loader';

export interface BuyReply {
  'callId'?: (number);
  'orderNo'?: (number | string | Long);
  'reservationId'?: (number | string | Long);
  'refusal'?: (_onrush_seckill_v1_Refusal | null);
}

export interface BuyReply__Output {
  'callId': (number);
  'orderNo': (string);
  'reservationId': (string);
  'refusal': (_onrush_seckill_v1_Refusal__Output | null);
}
