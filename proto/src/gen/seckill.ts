import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { BuyBatch as _onrush_seckill_v1_BuyBatch, BuyBatch__Output as _onrush_seckill_v1_BuyBatch__Output } from './onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply as _onrush_seckill_v1_BuyBatchReply, BuyBatchReply__Output as _onrush_seckill_v1_BuyBatchReply__Output } from './onrush/seckill/v1/BuyBatchReply';
import type { BuyReply as _onrush_seckill_v1_BuyReply, BuyReply__Output as _onrush_seckill_v1_BuyReply__Output } from './onrush/seckill/v1/BuyReply';
import type { BuyRequest as _onrush_seckill_v1_BuyRequest, BuyRequest__Output as _onrush_seckill_v1_BuyRequest__Output } from './onrush/seckill/v1/BuyRequest';
import type { GetReservationRequest as _onrush_seckill_v1_GetReservationRequest, GetReservationRequest__Output as _onrush_seckill_v1_GetReservationRequest__Output } from './onrush/seckill/v1/GetReservationRequest';
import type { Refusal as _onrush_seckill_v1_Refusal, Refusal__Output as _onrush_seckill_v1_Refusal__Output } from './onrush/seckill/v1/Refusal';
import type { Reservation as _onrush_seckill_v1_Reservation, Reservation__Output as _onrush_seckill_v1_Reservation__Output } from './onrush/seckill/v1/Reservation';
import type { SeckillServiceClient as _onrush_seckill_v1_SeckillServiceClient, SeckillServiceDefinition as _onrush_seckill_v1_SeckillServiceDefinition } from './onrush/seckill/v1/SeckillService';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  onrush: {
    seckill: {
      v1: {
        BuyBatch: MessageTypeDefinition<_onrush_seckill_v1_BuyBatch, _onrush_seckill_v1_BuyBatch__Output>
        BuyBatchReply: MessageTypeDefinition<_onrush_seckill_v1_BuyBatchReply, _onrush_seckill_v1_BuyBatchReply__Output>
        BuyReply: MessageTypeDefinition<_onrush_seckill_v1_BuyReply, _onrush_seckill_v1_BuyReply__Output>
        BuyRequest: MessageTypeDefinition<_onrush_seckill_v1_BuyRequest, _onrush_seckill_v1_BuyRequest__Output>
        GetReservationRequest: MessageTypeDefinition<_onrush_seckill_v1_GetReservationRequest, _onrush_seckill_v1_GetReservationRequest__Output>
        Refusal: MessageTypeDefinition<_onrush_seckill_v1_Refusal, _onrush_seckill_v1_Refusal__Output>
        Reservation: MessageTypeDefinition<_onrush_seckill_v1_Reservation, _onrush_seckill_v1_Reservation__Output>
        SeckillService: SubtypeConstructor<typeof grpc.Client, _onrush_seckill_v1_SeckillServiceClient> & { service: _onrush_seckill_v1_SeckillServiceDefinition }
      }
    }
  }
}

