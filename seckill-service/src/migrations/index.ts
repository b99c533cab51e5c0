import { CreateActivities1700000000001 } from './0001-create-activities';

/** In the order they are applied. */
export const migrations = [CreateActivities1700000000001];
