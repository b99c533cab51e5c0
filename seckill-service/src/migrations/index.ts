import { CreateActivities1700000000001 } from './0001-create-activities';
import { CreateOperations1700000000002 } from './0002-create-operations';

/** In the order they are applied. */
export const migrations = [CreateActivities1700000000001, CreateOperations1700000000002];
