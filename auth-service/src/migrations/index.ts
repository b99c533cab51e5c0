import { CreateSessions1700000000001 } from './0001-create-sessions';
import { IndexRevokedSessions1700000000002 } from './0002-index-revoked-sessions';
import { CreateIpRules1700000000003 } from './0003-create-ip-rules';
import { CreateRehearsalGrants1700000000004 } from './0004-create-rehearsal-grants';

/** In the order they are applied. */
export const migrations = [
  CreateSessions1700000000001,
  IndexRevokedSessions1700000000002,
  CreateIpRules1700000000003,
  CreateRehearsalGrants1700000000004,
];
