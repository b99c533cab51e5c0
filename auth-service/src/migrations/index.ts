import { CreateSessions1700000000001 } from './0001-create-sessions';

/** In the order they are applied. */
export const migrations = [CreateSessions1700000000001];
