import { EntitySchema } from 'typeorm';
import type { Product } from '../domain/product';

const fen = { to: (value: number) => value, from: (value: string) => Number(value) };

export const ProductTable = new EntitySchema<Product>({
  name: 'Product',
  tableName: 'products',
  columns: {
    id: { type: 'bigint', unsigned: true, primary: true },
    name: { type: 'varchar', length: 200 },
    description: { type: 'text' },
    categoryId: { name: 'category_id', type: 'bigint', unsigned: true, nullable: true },
    kind: { type: 'varchar', length: 16 },
    price: { type: 'bigint', transformer: fen },
    stock: { type: 'int' },
    reserved: { type: 'int', default: 0 },
    sold: { type: 'int', default: 0 },
    images: { type: 'simple-json' },
    venue: { type: 'varchar', length: 200, nullable: true },
    sessionAt: { name: 'session_at', type: 'datetime', precision: 3, nullable: true },
    status: { type: 'varchar', length: 16 },
    version: { type: 'int', default: 1 },
    createdAt: { name: 'created_at', type: 'datetime', precision: 3 },
    updatedAt: { name: 'updated_at', type: 'datetime', precision: 3 },
  },
});
