import {
  createLocalJWKSet,
  errors as joseErrors,
  jwtVerify,
  type JSONWebKeySet,
  type LocalJWKSet,
} from 'jose';
import { z } from 'zod';
import type { Discovery } from '@onrush/chassis/discovery';
import { internalTokenHeader, type InternalTokens } from '@onrush/chassis/internal-tokens';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { User } from '@onrush/chassis/request-context';
import { errors } from './errors';

const cacheLimit = 200_000;
/** A flood of unknown key ids must not become a flood of requests to auth-service. */
const refetchCooldownMs = 30_000;
const fetchTimeoutMs = 2_000;

const claimsSchema = z.object({
  sub: z.string().regex(/^\d+$/),
  exp: z.number(),
  sid: z.string().optional(),
  username: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
});

interface Verified {
  user: User;
  expiresAt: number;
}

/** Checks access tokens against auth-service's published keys (RFC 9068, EdDSA only). */
export interface Authenticator extends Component {
  /**
   * The user of a request's `Authorization` header; undefined without one. A token that was seen before costs one look into a map, and no
   * promise: that is the case of every buyer who has opened the page.
   */
  authenticate(authorization: string | undefined): User | undefined | Promise<User>;
}

export function createAuthenticator(options: {
  discovery: Discovery;
  tokens: InternalTokens;
  logger: Logger;
}): Authenticator {
  const { discovery, tokens, logger } = options;
  /** By the whole header: cutting the token out of it costs more than finding it. */
  const verified = new Map<string, Verified>();
  let keySet: LocalJWKSet | undefined;
  let fetchedAt = 0;

  async function fetchKeys(): Promise<void> {
    fetchedAt = Date.now();
    const [instance] = discovery.instances('auth-service');
    if (!instance) throw new Error('no instance of auth-service is known');
    const response = await fetch(`http://${instance.address}:${instance.httpPort}/.well-known/jwks.json`, {
      headers: { [internalTokenHeader]: await tokens.issue('auth-service') },
      signal: AbortSignal.timeout(fetchTimeoutMs),
    });
    if (!response.ok) throw new Error(`auth-service answered ${response.status} for its keys`);
    keySet = createLocalJWKSet((await response.json()) as JSONWebKeySet);
  }

  async function claimsOf(token: string): Promise<unknown> {
    if (!keySet) await fetchKeys();
    const check = async () => {
      if (!keySet) throw errors.unavailable({ retryAfterSeconds: 1 });
      const { payload } = await jwtVerify(token, keySet, {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer: 'onrush',
        audience: 'onrush-api',
        requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        clockTolerance: 5,
      });
      return payload;
    };
    try {
      return await check();
    } catch (error) {
      const mayBeRotated =
        error instanceof joseErrors.JWKSNoMatchingKey && Date.now() - fetchedAt > refetchCooldownMs;
      if (!mayBeRotated) throw error;
      // The last good keys stay when auth-service is away.
      await fetchKeys().catch((cause: unknown) =>
        logger.warn('keys of auth-service not fetched', { error: cause }),
      );
      return check();
    }
  }

  async function verify(token: string): Promise<Verified> {
    let claims: z.output<typeof claimsSchema>;
    try {
      claims = claimsSchema.parse(await claimsOf(token));
    } catch (error) {
      if (error instanceof joseErrors.JOSEError || error instanceof z.ZodError)
        throw errors.tokenInvalid({ cause: error });
      throw errors.unavailable({ cause: error, retryAfterSeconds: 1 });
    }
    const { sub: id, sid: sessionId, exp, username, roles, permissions } = claims;
    const user: User = { id, username, roles, permissions, sessionId };
    return { user, expiresAt: exp * 1000 };
  }

  return {
    name: 'authenticator',
    start: async () => {
      await discovery.waitFor('auth-service', 30_000);
      await fetchKeys().catch((error: unknown) =>
        logger.warn('keys of auth-service not fetched yet', { error }),
      );
    },
    stop: () => Promise.resolve(),
    authenticate(authorization) {
      if (authorization === undefined) return undefined;
      const known = verified.get(authorization);
      if (known && known.expiresAt > Date.now()) return known.user;
      verified.delete(authorization);
      const token = authorization.startsWith('Bearer ') ? authorization.slice(7) : '';
      if (token.length > 4_096 || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw errors.tokenInvalid();
      return verify(token).then(({ user, expiresAt }) => {
        verified.set(authorization, { user, expiresAt });
        if (verified.size > cacheLimit) verified.delete(verified.keys().next().value ?? '');
        return user;
      });
    },
  };
}
