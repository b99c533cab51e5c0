import { route, type Route } from '@onrush/chassis/http-routes';
import { z } from 'zod';
import { grantRehearsal, type GrantRehearsal } from '../use-cases/grant-rehearsal';

/** An answer of that many tokens is half a megabyte, and a tenth of a second of signing. */
const mostUsersAtOnce = 1_000;

const wanted = z.strictObject({
  users: z.int().min(1).max(mostUsersAtOnce),
  reason: z.string().trim().min(1).max(200),
});

const granted = z.object({
  users: z.array(z.object({ id: z.string(), access_token: z.string() })),
  expires_in: z.int(),
});

export const rehearsalRoutes = (deps: GrantRehearsal): Route[] => [
  route(
    'POST /api/v1/admin/rehearsal/users',
    {
      summary: 'Synthetic users for a rehearsal',
      access: { permission: 'rehearsal.run' },
      body: wanted,
      reply: granted,
      status: 201,
    },
    async ({ body, user }) => {
      const users = await grantRehearsal(deps, { ...body, by: user.id });
      return {
        users: users.map(({ id, accessToken }) => ({ id, access_token: accessToken })),
        expires_in: deps.accessTokenSeconds,
      };
    },
  ),
];
