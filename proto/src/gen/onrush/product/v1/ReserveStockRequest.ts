// Original file: onrush/product/v1/product.proto

import type { StockLine as _onrush_product_v1_StockLine, StockLine__Output as _onrush_product_v1_StockLine__Output } from '../../../onrush/product/v1/StockLine';
import type { Long } from '@grpc/proto-loader';

export interface ReserveStockRequest {
  'orderId'?: (number | string | Long);
  'lines'?: (_onrush_product_v1_StockLine)[];
}

export interface ReserveStockRequest__Output {
  'orderId': (string);
  'lines': (_onrush_product_v1_StockLine__Output)[];
}
