// Original file: onrush/product/v1/product.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetProductsReply as _onrush_product_v1_GetProductsReply, GetProductsReply__Output as _onrush_product_v1_GetProductsReply__Output } from '../../../onrush/product/v1/GetProductsReply';
import type { GetProductsRequest as _onrush_product_v1_GetProductsRequest, GetProductsRequest__Output as _onrush_product_v1_GetProductsRequest__Output } from '../../../onrush/product/v1/GetProductsRequest';
import type { OrderStockRequest as _onrush_product_v1_OrderStockRequest, OrderStockRequest__Output as _onrush_product_v1_OrderStockRequest__Output } from '../../../onrush/product/v1/OrderStockRequest';
import type { ReserveStockRequest as _onrush_product_v1_ReserveStockRequest, ReserveStockRequest__Output as _onrush_product_v1_ReserveStockRequest__Output } from '../../../onrush/product/v1/ReserveStockRequest';
import type { StockReply as _onrush_product_v1_StockReply, StockReply__Output as _onrush_product_v1_StockReply__Output } from '../../../onrush/product/v1/StockReply';

export interface ProductServiceClient extends grpc.Client {
  ConfirmStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ConfirmStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ConfirmStock(argument: _onrush_product_v1_OrderStockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ConfirmStock(argument: _onrush_product_v1_OrderStockRequest, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  confirmStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  confirmStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  confirmStock(argument: _onrush_product_v1_OrderStockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  confirmStock(argument: _onrush_product_v1_OrderStockRequest, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  
  GetProducts(argument: _onrush_product_v1_GetProductsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  GetProducts(argument: _onrush_product_v1_GetProductsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  GetProducts(argument: _onrush_product_v1_GetProductsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  GetProducts(argument: _onrush_product_v1_GetProductsRequest, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  getProducts(argument: _onrush_product_v1_GetProductsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  getProducts(argument: _onrush_product_v1_GetProductsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  getProducts(argument: _onrush_product_v1_GetProductsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  getProducts(argument: _onrush_product_v1_GetProductsRequest, callback: grpc.requestCallback<_onrush_product_v1_GetProductsReply__Output>): grpc.ClientUnaryCall;
  
  ReleaseStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ReleaseStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ReleaseStock(argument: _onrush_product_v1_OrderStockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ReleaseStock(argument: _onrush_product_v1_OrderStockRequest, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  releaseStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  releaseStock(argument: _onrush_product_v1_OrderStockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  releaseStock(argument: _onrush_product_v1_OrderStockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  releaseStock(argument: _onrush_product_v1_OrderStockRequest, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  
  ReserveStock(argument: _onrush_product_v1_ReserveStockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ReserveStock(argument: _onrush_product_v1_ReserveStockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ReserveStock(argument: _onrush_product_v1_ReserveStockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  ReserveStock(argument: _onrush_product_v1_ReserveStockRequest, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  reserveStock(argument: _onrush_product_v1_ReserveStockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  reserveStock(argument: _onrush_product_v1_ReserveStockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  reserveStock(argument: _onrush_product_v1_ReserveStockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  reserveStock(argument: _onrush_product_v1_ReserveStockRequest, callback: grpc.requestCallback<_onrush_product_v1_StockReply__Output>): grpc.ClientUnaryCall;
  
}

export interface ProductServiceHandlers extends grpc.UntypedServiceImplementation {
  ConfirmStock: grpc.handleUnaryCall<_onrush_product_v1_OrderStockRequest__Output, _onrush_product_v1_StockReply>;
  
  GetProducts: grpc.handleUnaryCall<_onrush_product_v1_GetProductsRequest__Output, _onrush_product_v1_GetProductsReply>;
  
  ReleaseStock: grpc.handleUnaryCall<_onrush_product_v1_OrderStockRequest__Output, _onrush_product_v1_StockReply>;
  
  ReserveStock: grpc.handleUnaryCall<_onrush_product_v1_ReserveStockRequest__Output, _onrush_product_v1_StockReply>;
  
}

export interface ProductServiceDefinition extends grpc.ServiceDefinition {
  ConfirmStock: MethodDefinition<_onrush_product_v1_OrderStockRequest, _onrush_product_v1_StockReply, _onrush_product_v1_OrderStockRequest__Output, _onrush_product_v1_StockReply__Output>
  GetProducts: MethodDefinition<_onrush_product_v1_GetProductsRequest, _onrush_product_v1_GetProductsReply, _onrush_product_v1_GetProductsRequest__Output, _onrush_product_v1_GetProductsReply__Output>
  ReleaseStock: MethodDefinition<_onrush_product_v1_OrderStockRequest, _onrush_product_v1_StockReply, _onrush_product_v1_OrderStockRequest__Output, _onrush_product_v1_StockReply__Output>
  ReserveStock: MethodDefinition<_onrush_product_v1_ReserveStockRequest, _onrush_product_v1_StockReply, _onrush_product_v1_ReserveStockRequest__Output, _onrush_product_v1_StockReply__Output>
}
