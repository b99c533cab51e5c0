import { CreatePayments1700000000001 } from './0001-create-payments';

/** In the order they are applied. */
export const migrations = [CreatePayments1700000000001];
