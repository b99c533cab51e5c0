import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { GetProductsReply as _onrush_product_v1_GetProductsReply, GetProductsReply__Output as _onrush_product_v1_GetProductsReply__Output } from './onrush/product/v1/GetProductsReply';
import type { GetProductsRequest as _onrush_product_v1_GetProductsRequest, GetProductsRequest__Output as _onrush_product_v1_GetProductsRequest__Output } from './onrush/product/v1/GetProductsRequest';
import type { OrderStockRequest as _onrush_product_v1_OrderStockRequest, OrderStockRequest__Output as _onrush_product_v1_OrderStockRequest__Output } from './onrush/product/v1/OrderStockRequest';
import type { Product as _onrush_product_v1_Product, Product__Output as _onrush_product_v1_Product__Output } from './onrush/product/v1/Product';
import type { ProductServiceClient as _onrush_product_v1_ProductServiceClient, ProductServiceDefinition as _onrush_product_v1_ProductServiceDefinition } from './onrush/product/v1/ProductService';
import type { ReserveStockRequest as _onrush_product_v1_ReserveStockRequest, ReserveStockRequest__Output as _onrush_product_v1_ReserveStockRequest__Output } from './onrush/product/v1/ReserveStockRequest';
import type { StockLine as _onrush_product_v1_StockLine, StockLine__Output as _onrush_product_v1_StockLine__Output } from './onrush/product/v1/StockLine';
import type { StockReply as _onrush_product_v1_StockReply, StockReply__Output as _onrush_product_v1_StockReply__Output } from './onrush/product/v1/StockReply';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  onrush: {
    product: {
      v1: {
        GetProductsReply: MessageTypeDefinition<_onrush_product_v1_GetProductsReply, _onrush_product_v1_GetProductsReply__Output>
        GetProductsRequest: MessageTypeDefinition<_onrush_product_v1_GetProductsRequest, _onrush_product_v1_GetProductsRequest__Output>
        OrderStockRequest: MessageTypeDefinition<_onrush_product_v1_OrderStockRequest, _onrush_product_v1_OrderStockRequest__Output>
        Product: MessageTypeDefinition<_onrush_product_v1_Product, _onrush_product_v1_Product__Output>
        ProductService: SubtypeConstructor<typeof grpc.Client, _onrush_product_v1_ProductServiceClient> & { service: _onrush_product_v1_ProductServiceDefinition }
        ReserveStockRequest: MessageTypeDefinition<_onrush_product_v1_ReserveStockRequest, _onrush_product_v1_ReserveStockRequest__Output>
        StockLine: MessageTypeDefinition<_onrush_product_v1_StockLine, _onrush_product_v1_StockLine__Output>
        StockReply: MessageTypeDefinition<_onrush_product_v1_StockReply, _onrush_product_v1_StockReply__Output>
      }
    }
  }
}

