import { isAppError } from '@onrush/chassis/errors';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { productService } from '@onrush/proto';
import { planRevisionOf, type Activity } from '../domain/activity';
import { errors } from '../errors';

export interface Products {
  find(productId: string): Promise<{ name: string; price: number; onSale: boolean } | undefined>;
  /**
   * Takes the activity's units out of the free stock; the same activity again changes nothing. What an older plan has reserved becomes what this one
   * needs; a newer plan stays as it is, and whoever has read the older one finds that out in the ledger.
   */
  reserveForActivity(activity: Pick<Activity, 'id' | 'productId' | 'total' | 'version'>): Promise<void>;
  /**
   * Sets how many units the activity holds; false when that many are not there, or it holds none any more. The same revision again changes
   * nothing and is answered as before; an older one changes nothing.
   */
  resizeReservation(
    activity: Pick<Activity, 'id' | 'productId'>,
    wanted: { quantity: number; revision: number },
  ): Promise<boolean>;
}

const refusals = new Set(['FAILED_PRECONDITION', 'NOT_FOUND']);

export function createProducts(client: GrpcClient<typeof productService>): Products {
  const resizeReservation: Products['resizeReservation'] = async ({ id, productId }, wanted) => {
    try {
      await client.call('ResizeReservation', { orderId: id, productId, ...wanted }, { idempotent: true });
      return true;
    } catch (error) {
      if (isAppError(error) && refusals.has(error.status)) return false;
      throw error;
    }
  };

  return {
    async find(productId) {
      const { products } = await client.call(
        'GetProducts',
        { productIds: [productId] },
        { idempotent: true },
      );
      const product = products[0];
      return (
        product && { name: product.name, price: Number(product.price), onSale: product.status === 'ON_SALE' }
      );
    },
    async reserveForActivity({ id, productId, total, version }) {
      const request = { orderId: id, lines: [{ productId, quantity: total }] };
      try {
        await client.call('ReserveStock', request, { idempotent: true });
      } catch (error) {
        if (!isAppError(error) || error.status !== 'FAILED_PRECONDITION') throw error;
        const plan = { quantity: total, revision: planRevisionOf({ version }) };
        if (await resizeReservation({ id, productId }, plan)) return;
        throw errors.productNotForSale({ cause: error, meta: { productId, total } });
      }
    },
    resizeReservation,
  };
}
