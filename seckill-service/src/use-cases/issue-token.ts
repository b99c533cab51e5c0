import type { Activity } from '../domain/activity';
import type { IssuedToken, PurchaseTokens } from '../domain/purchase-token';
import type { TokenHolder } from '../domain/signed-bytes';
import type { Velocity } from '../data/velocity';
import { isOfOneWorld } from '../domain/purchase';
import { errors } from '../errors';
import type { Asker, Challenge, ChallengeAnswer, PosedChallenge } from './challenges';

export interface IssueToken {
  findActivity(id: string): Promise<Activity | null>;
  velocity: Velocity;
  challenge: Challenge;
  purchaseTokens: PurchaseTokens;
  /** So long before its start a sale gives tokens out. */
  leadSeconds: number;
  /** Throws unless it is this user's turn, by the ticket. */
  assertAdmitted(holder: TokenHolder, ticket: string | undefined): Promise<void>;
}

/** A purchase token for whoever has passed the challenge, or the challenge; where there is a waiting room, for whoever was admitted. */
export async function issueToken(
  deps: IssueToken,
  asker: Asker & { queueTicket?: string | undefined },
  answer: ChallengeAnswer,
): Promise<IssuedToken | PosedChallenge> {
  const activity = await deps.findActivity(asker.activityId);
  if (!activity || !isOfOneWorld(asker)) throw errors.activityNotFound();
  if (!activity.tokenRequired) throw errors.tokenNotNeeded();
  const now = Date.now();
  if (now >= activity.endsAt.getTime()) throw errors.ended();
  if (now < activity.startsAt.getTime() - deps.leadSeconds * 1_000) throw errors.notStarted();

  const { userId: user, address, device } = asker;
  const waitMs = await deps.velocity.count({ user, address, ...(device && { device }) });
  if (waitMs > 0) throw errors.rateLimited({ retryAfterSeconds: Math.ceil(waitMs / 1_000) });

  if (activity.waitingRoom) await deps.assertAdmitted(asker, asker.queueTicket);
  const result = await deps.challenge(asker, answer);
  switch (result.outcome) {
    case 'posed':
      return result.challenge;
    case 'failed':
      throw errors.challengeFailed();
    case 'passed':
      return deps.purchaseTokens.issue(asker, result.tokenId);
  }
}
