import type { EntityManager } from 'typeorm';
import { insertRows } from '@onrush/chassis/mysql';

/** Who asked for synthetic users, how many, and why. */
export interface RehearsalGrant {
  /** The session that all of their tokens belong to. */
  sessionId: string;
  grantedBy: string;
  users: number;
  reason: string;
  grantedAt: Date;
}

export const rehearsalGrants = {
  async insert(tx: EntityManager, grant: RehearsalGrant): Promise<void> {
    const { sessionId, grantedBy, users, reason, grantedAt } = grant;
    const columns = ['session_id', 'granted_by', 'users', 'reason', 'granted_at'];
    await insertRows(tx, 'rehearsal_grants', {
      columns,
      rows: [[sessionId, grantedBy, users, reason, grantedAt]],
    });
  },
};
