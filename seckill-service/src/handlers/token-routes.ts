import { Reply, route, type Route } from '@onrush/chassis/http-routes';
import { idText } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import type { PosedChallenge } from '../use-cases/challenges';
import { issueToken, type IssueToken } from '../use-cases/issue-token';
import { queueTicketHeader } from './queue-routes';

const byId = z.strictObject({ id: idText });
const answer = z
  .strictObject({
    puzzle: z.string().max(64).optional(),
    solution: z.string().max(64).optional(),
    captcha: z.string().min(1).max(4_096).optional(),
  })
  .default({});

const challengeView = z.object({
  kind: z.enum(['proof_of_work', 'captcha']),
  puzzle: z.string().optional(),
  difficulty: z.int().optional(),
  expires_at: z.string().optional(),
  site_key: z.string().optional(),
});

const tokenView = z.object({
  token: z.string().nullable(),
  expires_at: z.string().nullable(),
  challenge: challengeView.nullable(),
});

export const tokenRoutes = (deps: IssueToken): Route[] => [
  route(
    'POST /api/v1/seckill/activities/:id/token',
    {
      summary: 'A purchase token, or the challenge before it',
      access: 'user',
      params: byId,
      body: answer,
      reply: tokenView,
      status: 201,
    },
    async ({ params, body, user, header }) => {
      const address = header('x-forwarded-for') ?? '';
      const device = header('x-device-id')?.slice(0, 128);
      const queueTicket = header(queueTicketHeader);
      const asker = { activityId: params.id, userId: user.id, address, device, queueTicket };
      const result = await issueToken(deps, asker, body);
      if ('kind' in result)
        return new Reply(200, { token: null, expires_at: null, challenge: toChallengeView(result) });
      return { token: result.token, expires_at: result.expiresAt.toISOString(), challenge: null };
    },
  ),
];

function toChallengeView(posed: PosedChallenge): z.input<typeof challengeView> {
  if (posed.kind === 'captcha') return { kind: posed.kind, site_key: posed.siteKey };
  const { kind, puzzle, difficulty, expiresAt } = posed;
  return { kind, puzzle, difficulty, expires_at: expiresAt.toISOString() };
}
