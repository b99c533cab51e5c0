import { CreateOrders1700000000001 } from './0001-create-orders';

/** In the order they are applied. */
export const migrations = [CreateOrders1700000000001];
