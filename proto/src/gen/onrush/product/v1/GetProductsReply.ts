// Original file: onrush/product/v1/product.proto

import type { Product as _onrush_product_v1_Product, Product__Output as _onrush_product_v1_Product__Output } from '../../../onrush/product/v1/Product';

export interface GetProductsReply {
  'products'?: (_onrush_product_v1_Product)[];
}

export interface GetProductsReply__Output {
  'products': (_onrush_product_v1_Product__Output)[];
}
