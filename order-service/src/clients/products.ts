import { isAppError } from '@onrush/chassis/errors';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { productService } from '@onrush/proto';
import { errors } from '../errors';

export interface WantedItem {
  productId: string;
  quantity: number;
}

export interface Products {
  /** The products that are on sale, by id. */
  findOnSale(productIds: string[]): Promise<Map<string, { name: string; price: number }>>;
  reserve(orderId: string, items: WantedItem[]): Promise<void>;
  release(orderId: string): Promise<void>;
}

export const createProducts = (client: GrpcClient<typeof productService>): Products => ({
  async findOnSale(productIds) {
    const { products } = await client.call('GetProducts', { productIds }, { idempotent: true });
    const onSale = products.filter((product) => product.status === 'ON_SALE');
    return new Map(
      onSale.map((product) => [product.id, { name: product.name, price: Number(product.price) }]),
    );
  },
  async reserve(orderId, items) {
    await client
      .call('ReserveStock', { orderId, lines: items }, { idempotent: true })
      .catch((error: unknown) => {
        if (isAppError(error) && error.status === 'FAILED_PRECONDITION')
          throw errors.stockShort({ cause: error, meta: { orderId } });
        throw error;
      });
  },
  async release(orderId) {
    await client.call('ReleaseStock', { orderId }, { idempotent: true });
  },
});
