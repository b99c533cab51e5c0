import { route, type Route } from '@onrush/chassis/http-routes';
import type { User } from '@onrush/chassis/request-context';
import { z } from 'zod';
import type { GrantRehearsal } from '../use-cases/grant-rehearsal';
import { logIn, type LoggedIn, type LogIn } from '../use-cases/log-in';
import { logOut } from '../use-cases/log-out';
import { refresh } from '../use-cases/refresh';
import { errors } from '../errors';
import { ipRuleRoutes } from './ip-rules';
import { rehearsalRoutes } from './rehearsal';

const credentials = z.strictObject({
  username: z.string().min(1).max(64),
  password: z.string().min(1).max(1024),
});
const refreshToken = z.string().regex(/^[\w-]{43}$/, 'not a refresh token');

const loggedIn = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  refresh_token: z.string(),
  user: z.object({ id: z.string(), username: z.string(), roles: z.array(z.string()) }),
});

const jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/** The one that is named, else the one of the access token. */
function sessionToEnd({ sessionId }: User, refreshToken: string | undefined, all: boolean) {
  if (all) return 'all';
  if (refreshToken) return { refreshToken };
  if (sessionId) return { sessionId };
  throw errors.invalidArgument({
    fields: [{ field: 'refresh_token', message: 'needed: the access token names no session' }],
  });
}

export function httpRoutes(deps: LogIn & GrantRehearsal): Route[] {
  const toView = ({ account, accessToken, refreshToken }: LoggedIn): z.input<typeof loggedIn> => ({
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: deps.accessTokenSeconds,
    refresh_token: refreshToken,
    user: { id: account.id, username: account.username, roles: account.roles },
  });
  const logInAt = (path: 'POST /api/v1/user/login' | 'POST /api/v1/login') =>
    route(
      path,
      { summary: 'Log in', access: 'public', body: credentials, reply: loggedIn },
      async ({ body }) => toView(await logIn(deps, body)),
    );
  return [
    logInAt('POST /api/v1/user/login'),
    logInAt('POST /api/v1/login'),
    route(
      'POST /api/v1/auth/refresh',
      {
        summary: 'Rotate the refresh token',
        access: 'public',
        body: z.strictObject({ refresh_token: refreshToken }),
        reply: loggedIn,
      },
      async ({ body }) => toView(await refresh(deps, body.refresh_token)),
    ),
    route(
      'POST /api/v1/user/logout',
      {
        summary: 'End this session, or all of them (?all=true)',
        access: 'user',
        query: z.strictObject({ all: z.enum(['true', 'false']).optional() }),
        body: z.strictObject({ refresh_token: refreshToken.optional() }),
        reply: z.null(),
      },
      async ({ user, query, body }) => {
        await logOut(deps, user.id, sessionToEnd(user, body.refresh_token, query.all === 'true'));
        return null;
      },
    ),
    route(
      'GET /.well-known/jwks.json',
      { summary: 'The keys that verify access tokens', access: 'public', reply: jwks, bare: 'json' },
      () => Promise.resolve({ keys: deps.keys.jwks().keys }),
    ),
    ...ipRuleRoutes(deps),
    ...rehearsalRoutes(deps),
  ];
}
