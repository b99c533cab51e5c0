import { CreateUsers1700000000001 } from './0001-create-users';
import { CompareUsernamesExactly1700000000002 } from './0002-compare-usernames-exactly';

/** In the order they are applied. */
export const migrations = [CreateUsers1700000000001, CompareUsernamesExactly1700000000002];
