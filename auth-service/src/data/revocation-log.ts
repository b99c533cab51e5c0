import type { DataSource } from 'typeorm';
import type { RevocationBatch } from '@onrush/proto/gen/onrush/auth/v1/RevocationBatch';
import { sessionRepository } from './session-repository';
import { rememberedMs, type EndedSession } from '../domain/session';
import type { FeedSource } from './feed';

/**
 * Transactions commit in another order than their times tell: each poll looks back so far, and each minute at everything, for the one that
 * waited longer for a lock.
 */
const lookBackMs = 5_000;
const lookAtAllMs = 60_000;
const rowsPerQuery = 5_000;
const defaultPerMessage = 1_000;

interface Revocation {
  sessionId: string;
  revokedAt: number;
  forgetAt: number;
}

/** Positions in the log; they stay what they are when its beginning is forgotten. */
interface Cursor {
  at: number;
  /** What had happened before the reader came ends here. */
  snapshotEnd: number;
}

/** The sessions that ended lately, in the order in which this instance learned of them; each reader has a place in it. */
export function createRevocationLog(deps: {
  db: DataSource;
  now?: () => number;
  perMessage?: number;
}): FeedSource<Cursor, RevocationBatch> {
  const { db, now = Date.now, perMessage = defaultPerMessage } = deps;
  const known = new Set<string>();
  const log: Revocation[] = [];
  let forgotten = 0;
  let newestMs = 0;
  let lookedAtAllMs = 0;

  function add({ id, revokedAt }: EndedSession): void {
    newestMs = Math.max(newestMs, revokedAt.getTime());
    if (known.has(id)) return;
    known.add(id);
    log.push({
      sessionId: id,
      revokedAt: revokedAt.getTime(),
      forgetAt: revokedAt.getTime() + rememberedMs,
    });
  }

  async function readSince(sinceMs: number): Promise<void> {
    let last: EndedSession = { id: '0', revokedAt: new Date(sinceMs) };
    for (;;) {
      const found = await sessionRepository.findRevokedAfter(db.manager, last, rowsPerQuery);
      found.forEach(add);
      const newest = found.at(-1);
      if (!newest || found.length < rowsPerQuery) return;
      last = newest;
    }
  }

  function forgetOld(atMs: number): void {
    const kept = log.findIndex(({ forgetAt }) => forgetAt > atMs);
    const removed = log.splice(0, kept === -1 ? log.length : kept);
    forgotten += removed.length;
    for (const { sessionId } of removed) known.delete(sessionId);
  }

  return {
    async poll() {
      const atMs = now();
      const oldestMs = atMs - rememberedMs;
      const looksAtAll = atMs - lookedAtAllMs >= lookAtAllMs;
      await readSince(looksAtAll ? oldestMs : Math.max(oldestMs, newestMs - lookBackMs));
      if (!looksAtAll) return;
      lookedAtAllMs = atMs;
      forgetOld(atMs);
    },
    forget() {
      forgetOld(Infinity);
      newestMs = 0;
      lookedAtAllMs = 0;
    },
    next(cursor) {
      const end = forgotten + log.length;
      const { at: wanted, snapshotEnd } = cursor ?? { at: forgotten, snapshotEnd: end };
      const snapshot = !cursor || wanted < snapshotEnd;
      const from = Math.max(wanted, forgotten);
      if (!snapshot && from >= end) return undefined;
      const to = Math.min(from + perMessage, snapshot ? Math.max(snapshotEnd, from) : end);
      const message = {
        revocations: log.slice(from - forgotten, to - forgotten),
        snapshot,
        snapshotComplete: snapshot && to >= snapshotEnd,
      };
      return { message, cursor: { at: to, snapshotEnd } };
    },
  };
}
