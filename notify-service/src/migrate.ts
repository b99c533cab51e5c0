import { migrateAsMain } from '@onrush/chassis/mysql';
import { migrations } from './migrations';

void migrateAsMain({ entities: [], migrations });
