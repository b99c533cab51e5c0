import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { admin } from '@onrush/chassis/testing/service';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { ProductTable } from '../src/data/product-table';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

export interface ProductView {
  id: string;
  name: string;
  price: number;
  stock: number;
  status: string;
  version: number;
}

export interface Fixture extends ServiceFixture<Config> {
  createProduct(changes?: Record<string, unknown>): Promise<ProductView>;
  /** What has come into and gone out of the free stock. */
  ledgerSum(productId: string): Promise<number>;
}

export async function startFixture(label: string): Promise<Fixture> {
  const fixture = await startServiceFixture<Config>({
    service: 'product-service',
    label,
    createApp,
    migrations,
    entities: [ProductTable],
    errors,
    config: { productCacheSeconds: 30 },
  });
  return {
    ...fixture,
    async createProduct(changes = {}) {
      const answer = await fixture.http.call<ProductView>('POST /api/v1/admin/products', {
        user: admin,
        body: productBody(changes),
      });
      if (answer.status !== 201) throw new Error(`the product was refused: ${JSON.stringify(answer.body)}`);
      return answer.body.data;
    },
    async ledgerSum(productId) {
      const [row] = await fixture.db.query<{ total: string }[]>(
        'SELECT SUM(delta) AS total FROM stock_ledger WHERE product_id = ?',
        [productId],
      );
      return Number(row?.total);
    },
  };
}

export const productBody = (changes: Record<string, unknown> = {}) => ({
  name: 'Ticket',
  kind: 'ticket',
  price: 12_800,
  stock: 10,
  ...changes,
});
