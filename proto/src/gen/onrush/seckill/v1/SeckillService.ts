// Original file: onrush/seckill/v1/seckill.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BuyBatch as _onrush_seckill_v1_BuyBatch, BuyBatch__Output as _onrush_seckill_v1_BuyBatch__Output } from '../../../onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply as _onrush_seckill_v1_BuyBatchReply, BuyBatchReply__Output as _onrush_seckill_v1_BuyBatchReply__Output } from '../../../onrush/seckill/v1/BuyBatchReply';
import type { BuyReply as _onrush_seckill_v1_BuyReply, BuyReply__Output as _onrush_seckill_v1_BuyReply__Output } from '../../../onrush/seckill/v1/BuyReply';
import type { BuyRequest as _onrush_seckill_v1_BuyRequest, BuyRequest__Output as _onrush_seckill_v1_BuyRequest__Output } from '../../../onrush/seckill/v1/BuyRequest';
import type { GetReservationRequest as _onrush_seckill_v1_GetReservationRequest, GetReservationRequest__Output as _onrush_seckill_v1_GetReservationRequest__Output } from '../../../onrush/seckill/v1/GetReservationRequest';
import type { Reservation as _onrush_seckill_v1_Reservation, Reservation__Output as _onrush_seckill_v1_Reservation__Output } from '../../../onrush/seckill/v1/Reservation';

export interface SeckillServiceClient extends grpc.Client {
  Buy(argument: _onrush_seckill_v1_BuyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  Buy(argument: _onrush_seckill_v1_BuyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  Buy(argument: _onrush_seckill_v1_BuyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  Buy(argument: _onrush_seckill_v1_BuyRequest, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  buy(argument: _onrush_seckill_v1_BuyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  buy(argument: _onrush_seckill_v1_BuyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  buy(argument: _onrush_seckill_v1_BuyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  buy(argument: _onrush_seckill_v1_BuyRequest, callback: grpc.requestCallback<_onrush_seckill_v1_BuyReply__Output>): grpc.ClientUnaryCall;
  
  BuyStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_onrush_seckill_v1_BuyBatch, _onrush_seckill_v1_BuyBatchReply__Output>;
  BuyStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_onrush_seckill_v1_BuyBatch, _onrush_seckill_v1_BuyBatchReply__Output>;
  buyStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_onrush_seckill_v1_BuyBatch, _onrush_seckill_v1_BuyBatchReply__Output>;
  buyStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_onrush_seckill_v1_BuyBatch, _onrush_seckill_v1_BuyBatchReply__Output>;
  
  GetReservation(argument: _onrush_seckill_v1_GetReservationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  GetReservation(argument: _onrush_seckill_v1_GetReservationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  GetReservation(argument: _onrush_seckill_v1_GetReservationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  GetReservation(argument: _onrush_seckill_v1_GetReservationRequest, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  getReservation(argument: _onrush_seckill_v1_GetReservationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  getReservation(argument: _onrush_seckill_v1_GetReservationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  getReservation(argument: _onrush_seckill_v1_GetReservationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  getReservation(argument: _onrush_seckill_v1_GetReservationRequest, callback: grpc.requestCallback<_onrush_seckill_v1_Reservation__Output>): grpc.ClientUnaryCall;
  
}

export interface SeckillServiceHandlers extends grpc.UntypedServiceImplementation {
  Buy: grpc.handleUnaryCall<_onrush_seckill_v1_BuyRequest__Output, _onrush_seckill_v1_BuyReply>;
  
  BuyStream: grpc.handleBidiStreamingCall<_onrush_seckill_v1_BuyBatch__Output, _onrush_seckill_v1_BuyBatchReply>;
  
  GetReservation: grpc.handleUnaryCall<_onrush_seckill_v1_GetReservationRequest__Output, _onrush_seckill_v1_Reservation>;
  
}

export interface SeckillServiceDefinition extends grpc.ServiceDefinition {
  Buy: MethodDefinition<_onrush_seckill_v1_BuyRequest, _onrush_seckill_v1_BuyReply, _onrush_seckill_v1_BuyRequest__Output, _onrush_seckill_v1_BuyReply__Output>
  BuyStream: MethodDefinition<_onrush_seckill_v1_BuyBatch, _onrush_seckill_v1_BuyBatchReply, _onrush_seckill_v1_BuyBatch__Output, _onrush_seckill_v1_BuyBatchReply__Output>
  GetReservation: MethodDefinition<_onrush_seckill_v1_GetReservationRequest, _onrush_seckill_v1_Reservation, _onrush_seckill_v1_GetReservationRequest__Output, _onrush_seckill_v1_Reservation__Output>
}
