export type ProductStatus = 'DRAFT' | 'ON_SALE' | 'OFF_SALE';
export type ProductKind = 'goods' | 'ticket';

export interface Product {
  id: string;
  name: string;
  description: string;
  categoryId: string | null;
  kind: ProductKind;
  /** In fen. */
  price: number;
  /** Free units; with `reserved` and `sold` it adds up to all that ever came in. */
  stock: number;
  reserved: number;
  sold: number;
  images: string[];
  venue: string | null;
  sessionAt: Date | null;
  status: ProductStatus;
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

export type NewProduct = Pick<
  Product,
  | 'name'
  | 'description'
  | 'categoryId'
  | 'kind'
  | 'price'
  | 'stock'
  | 'images'
  | 'venue'
  | 'sessionAt'
  | 'status'
>;

export function createProduct(id: string, wanted: NewProduct, now: Date): Product {
  return { ...wanted, id, reserved: 0, sold: 0, version: 1, createdAt: now, updatedAt: now };
}
