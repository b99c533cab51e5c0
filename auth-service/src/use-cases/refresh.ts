import { inTransaction } from '@onrush/chassis/mysql';
import { hashOf } from '../data/refresh-tokens';
import { sessionRepository } from '../data/session-repository';
import { judge, tokenExpiry, type RefreshToken } from '../domain/session';
import { errors } from '../errors';
import { accessTokenFor, type LogIn, type LoggedIn } from './log-in';

/**
 * Rotates the refresh token. The same token again within ten seconds gets the same successor, for a client that lost its answer; later it
 * ends the whole session, because somebody else has used it.
 */
export async function refresh(deps: LogIn, presented: string): Promise<LoggedIn> {
  // Before anything changes: while user-service is away, a client keeps a token that is good afterwards.
  const owner = await sessionRepository.findToken(deps.db.manager, hashOf(presented));
  if (!owner) throw errors.refreshTokenInvalid();
  const account = await deps.users.find(owner.userId);
  if (!account || account.disabled) throw errors.refreshTokenInvalid({ meta: { userId: owner.userId } });
  const successor = deps.tokens.successorOf(presented);
  const token = await inTransaction(deps.db, async (tx) => {
    const found = await sessionRepository.findToken(tx, hashOf(presented), { lock: true });
    const now = new Date();
    const verdict = judge(found, now);
    switch (verdict) {
      case 'invalid':
        return undefined;
      case 'stolen':
        await sessionRepository.revoke(tx, (found as RefreshToken).sessionId, (found as RefreshToken).userId);
        return undefined;
      case 'repeated':
        return found;
      case 'fresh': {
        const { sessionId, sessionExpiresAt } = found as RefreshToken;
        await sessionRepository.markUsed(tx, hashOf(presented), now);
        await sessionRepository.insertToken(tx, {
          hash: hashOf(successor),
          sessionId,
          createdAt: now,
          expiresAt: tokenExpiry(sessionExpiresAt, now),
        });
        return found;
      }
    }
  });
  if (!token) throw errors.refreshTokenInvalid();
  return {
    account,
    refreshToken: successor,
    accessToken: await accessTokenFor(deps, account, token.sessionId),
  };
}
