// Original file: onrush/product/v1/product.proto


export interface StockReply {
  'changed'?: (boolean);
}

export interface StockReply__Output {
  'changed': (boolean);
}
