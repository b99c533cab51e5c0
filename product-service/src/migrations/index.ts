import { CreateProducts1700000000001 } from './0001-create-products';

/** In the order they are applied. */
export const migrations = [CreateProducts1700000000001];
