import { CreateProducts1700000000001 } from './0001-create-products';
import { AddReservationRevision1700000000002 } from './0002-add-reservation-revision';

/** In the order they are applied. */
export const migrations = [CreateProducts1700000000001, AddReservationRevision1700000000002];
