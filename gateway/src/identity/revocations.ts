import type { Discovery } from '@onrush/chassis/discovery';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { authService } from '@onrush/proto';
import type { RevocationBatch__Output } from '@onrush/proto/gen/onrush/auth/v1/RevocationBatch';
import { createAuthFeed } from './auth-feed';

/** The sessions whose access tokens are no longer good, although they have not expired. */
export interface Revocations extends Component {
  /** One look into a map; false for a token that names no session. */
  isRevoked(sessionId: string | undefined): boolean;
}

const defaultLimit = 1_000_000;

/**
 * Fed by auth-service, all of it again with every new stream, so that neither a restart nor a broken stream forgets one. While no instance can
 * be reached, those that are known stay.
 */
export function createRevocations(options: {
  client: GrpcClient<typeof authService>;
  discovery: Discovery;
  logger: Logger;
  metrics: Metrics;
  now?: () => number;
  /** The most that are kept; beyond, the oldest goes, which has the least time left. */
  limit?: number;
  silenceLimitMs?: number;
  startLimitMs?: number;
}): Revocations {
  const { client, now = Date.now, limit = defaultLimit } = options;
  const size = options.metrics.gauge('gateway_revoked_sessions', 'Ended sessions that are remembered', [], {
    ofWorkers: 'max',
  });
  /** Until when each is remembered, by session; about in this order. */
  const forgetAt = new Map<string, number>();

  function receive({ revocations, snapshotComplete }: RevocationBatch__Output): boolean {
    for (const revocation of revocations) forgetAt.set(revocation.sessionId, Number(revocation.forgetAt));
    forgetOld();
    size.set(forgetAt.size);
    return snapshotComplete;
  }

  /** Oldest first: the first that still matters ends the search. */
  function forgetOld(): void {
    const at = now();
    for (const [sessionId, until] of forgetAt) {
      if (until > at && forgetAt.size <= limit) return;
      forgetAt.delete(sessionId);
    }
  }

  const feed = createAuthFeed<RevocationBatch__Output>({
    ...options,
    name: 'revocations',
    gauge: 'gateway_revocations_connected',
    open: (instance) => client.openServerStream('Revocations', {}, instance),
    receive,
  });
  return {
    ...feed,
    isRevoked(sessionId) {
      if (sessionId === undefined) return false;
      const until = forgetAt.get(sessionId);
      return until !== undefined && until > now();
    },
  };
}
