import type { Captcha } from '../clients/captcha';
import type { ProofOfWork } from '../domain/proof-of-work';
import type { TokenHolder } from '../domain/signed-bytes';

/** What the asker's device has to do first. */
export type PosedChallenge =
  | { kind: 'proof_of_work'; puzzle: string; difficulty: number; expiresAt: Date }
  | { kind: 'captcha'; siteKey: string };

export interface ChallengeAnswer {
  puzzle?: string | undefined;
  solution?: string | undefined;
  captcha?: string | undefined;
}

export interface Asker extends TokenHolder {
  address: string;
  device: string | undefined;
}

/** `passed` may bring the id of the token, so that one answer is good for one purchase. */
export type ChallengeOutcome =
  | { outcome: 'passed'; tokenId?: Buffer }
  | { outcome: 'failed' }
  | { outcome: 'posed'; challenge: PosedChallenge };

/** What stands before a purchase token; another kind is another function of this form. */
export type Challenge = (asker: Asker, answer: ChallengeAnswer) => Promise<ChallengeOutcome>;

export const noChallenge: Challenge = () => Promise.resolve({ outcome: 'passed' });

export function proofOfWorkChallenge(proofOfWork: ProofOfWork): Challenge {
  return (asker, { puzzle, solution }) => {
    if (puzzle === undefined || solution === undefined)
      return Promise.resolve({
        outcome: 'posed',
        challenge: { kind: 'proof_of_work', ...proofOfWork.pose(asker) },
      });
    const tokenId = proofOfWork.check(puzzle, solution, asker);
    return Promise.resolve(tokenId ? { outcome: 'passed', tokenId } : { outcome: 'failed' });
  };
}

export function captchaChallenge(captcha: Captcha): Challenge {
  return async (asker, answer) => {
    if (answer.captcha === undefined)
      return { outcome: 'posed', challenge: { kind: 'captcha', siteKey: captcha.siteKey } };
    return { outcome: (await captcha.isGood(answer.captcha, asker.address)) ? 'passed' : 'failed' };
  };
}
