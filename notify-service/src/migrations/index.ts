import { CreateNotifications1700000000001 } from './0001-create-notifications';

/** In the order they are applied. */
export const migrations = [CreateNotifications1700000000001];
