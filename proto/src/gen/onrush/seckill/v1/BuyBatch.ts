// Original file: onrush/seckill/v1/seckill.proto

import type { BuyRequest as _onrush_seckill_v1_BuyRequest, BuyRequest__Output as _onrush_seckill_v1_BuyRequest__Output } from '../../../onrush/seckill/v1/BuyRequest';

export interface BuyBatch {
  'requests'?: (_onrush_seckill_v1_BuyRequest)[];
}

export interface BuyBatch__Output {
  'requests': (_onrush_seckill_v1_BuyRequest__Output)[];
}
