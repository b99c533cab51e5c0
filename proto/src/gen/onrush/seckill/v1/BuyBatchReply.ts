// Original file: onrush/seckill/v1/seckill.proto

import type { BuyReply as _onrush_seckill_v1_BuyReply, BuyReply__Output as _onrush_seckill_v1_BuyReply__Output } from '../../../onrush/seckill/v1/BuyReply';

export interface BuyBatchReply {
  'replies'?: (_onrush_seckill_v1_BuyReply)[];
}

export interface BuyBatchReply__Output {
  'replies': (_onrush_seckill_v1_BuyReply__Output)[];
}
