import { CreateUsers1700000000001 } from './0001-create-users';

/** In the order they are applied. */
export const migrations = [CreateUsers1700000000001];
