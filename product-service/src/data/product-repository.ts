import { In, Like, type DataSource, type EntityManager } from 'typeorm';
import type { Product, ProductKind, ProductStatus } from '../domain/product';
import { ProductTable } from './product-table';

export interface ProductFilter {
  status: ProductStatus;
  keyword?: string | undefined;
  kind?: ProductKind | undefined;
  page: number;
  pageSize: number;
}

export type ProductChange = Partial<
  Omit<Product, 'id' | 'stock' | 'reserved' | 'sold' | 'version' | 'createdAt'>
>;

export interface ProductRepository {
  insert(tx: EntityManager, product: Product): Promise<void>;
  find(id: string): Promise<Product | null>;
  findMany(ids: string[]): Promise<Product[]>;
  list(filter: ProductFilter): Promise<{ items: Product[]; total: number }>;
  /** False when the version is not the one read: somebody else was faster. */
  update(tx: EntityManager, id: string, version: number, change: ProductChange): Promise<boolean>;
}

export function createProductRepository(db: DataSource): ProductRepository {
  const table = db.getRepository(ProductTable);
  return {
    async insert(tx, product) {
      await tx.createQueryBuilder().insert().into(ProductTable).values(product).updateEntity(false).execute();
    },
    find: (id) => table.findOneBy({ id }),
    findMany: (ids) => table.findBy({ id: In(ids) }),
    async list({ status, keyword, kind, page, pageSize }) {
      const [items, total] = await table.findAndCount({
        where: { status, ...(kind && { kind }), ...(keyword && { name: Like(`%${escapeLike(keyword)}%`) }) },
        order: { id: 'DESC' },
        skip: (page - 1) * pageSize,
        take: pageSize,
      });
      return { items, total };
    },
    async update(tx, id, version, change) {
      const result = await tx
        .createQueryBuilder()
        .update(ProductTable)
        .set({ ...change, version: version + 1 })
        .where('id = :id AND version = :version', { id, version })
        .execute();
      return result.affected === 1;
    },
  };
}

const escapeLike = (text: string) => text.replace(/[\\%_]/g, (character) => `\\${character}`);
