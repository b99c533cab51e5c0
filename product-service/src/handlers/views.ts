import { z } from 'zod';
import type { Product } from '../domain/product';

/** What a client sees of a product. */
export const productView = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  category_id: z.string().nullable(),
  kind: z.enum(['goods', 'ticket']),
  price: z.int(),
  currency: z.literal('CNY'),
  stock: z.int(),
  images: z.array(z.string()),
  venue: z.string().nullable(),
  session_at: z.string().nullable(),
  status: z.enum(['DRAFT', 'ON_SALE', 'OFF_SALE']),
  version: z.int(),
  created_at: z.string(),
  updated_at: z.string(),
});

export const stockView = z.object({
  product_id: z.string(),
  stock: z.int(),
  reserved: z.int(),
  version: z.int(),
});

export const toProductView = (product: Product): z.input<typeof productView> => ({
  id: product.id,
  name: product.name,
  description: product.description,
  category_id: product.categoryId,
  kind: product.kind,
  price: product.price,
  currency: 'CNY',
  stock: product.stock,
  images: product.images,
  venue: product.venue,
  session_at: product.sessionAt?.toISOString() ?? null,
  status: product.status,
  version: product.version,
  created_at: product.createdAt.toISOString(),
  updated_at: product.updatedAt.toISOString(),
});

export const toStockView = (product: Product): z.input<typeof stockView> => ({
  product_id: product.id,
  stock: product.stock,
  reserved: product.reserved,
  version: product.version,
});
