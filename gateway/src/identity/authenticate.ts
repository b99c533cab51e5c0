import { decodeProtectedHeader, errors as joseErrors, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Metrics } from '@onrush/chassis/metrics';
import type { User } from '@onrush/chassis/request-context';
import type { AccessKey, AccessKeys } from './access-keys';
import { errors } from '../errors';
import type { Revocations } from './revocations';

const longestToken = 4_096;
/** For clocks that differ. */
const skewSeconds = 5;
/** auth-service gives a token ten minutes at most, and ended sessions are remembered for eleven: nothing may live longer. */
const longestLifeSeconds = 660;

/**
 * All that auth-service writes into a header. Anything else is refused: `crit` and `b64` change what is signed (RFC 7797), and `jku`, `x5u`,
 * `jwk` and `x5c` bring keys of the sender's own (RFC 8725 §3.10).
 */
const headerSchema = z.strictObject({
  alg: z.literal('EdDSA'),
  typ: z.literal('at+jwt'),
  kid: z.string().min(1).max(128),
});

const claimsSchema = z.object({
  sub: z.string().regex(/^\d{1,20}$/),
  exp: z.int().positive(),
  iat: z.int().positive(),
  sid: z.string().max(64).optional(),
  username: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
});

interface Verified {
  user: User;
  /** Milliseconds since 1970. */
  goodUntil: number;
  key: AccessKey;
}

/** Checks access tokens against auth-service's published keys (RFC 9068, EdDSA only). */
export interface Authenticator extends Component {
  /**
   * The user of a request's `Authorization` header; undefined without one; throws or rejects with `tokenInvalid`. A token that was seen before
   * costs a look into two maps, and no promise: that is the case of every buyer who has opened the page.
   */
  authenticate(authorization: string | undefined): User | undefined | Promise<User>;
}

export function createAuthenticator(options: {
  keys: AccessKeys;
  revocations: Pick<Revocations, 'isRevoked'>;
  metrics: Metrics;
  now?: () => number;
  /** Verified tokens that are kept; beyond, the oldest goes. */
  cacheLimit: number;
}): Authenticator {
  const { keys, revocations, now = Date.now, cacheLimit } = options;
  /** By the whole header: cutting the token out of it costs more than finding it. */
  const verified = new Map<string, Verified>();
  const refused = options.metrics.counter('gateway_tokens_refused_total', 'Access tokens refused', [
    'reason',
  ]);

  function refuse(reason: string, cause?: unknown): never {
    refused.inc({ reason });
    throw errors.tokenInvalid({ meta: { reason }, cause });
  }

  // What a key signed is not believed any longer than the key itself is published.
  keys.onRemoved(() => {
    for (const [authorization, { key }] of verified)
      if (keys.find(key.kid) !== key) verified.delete(authorization);
  });

  async function verify(authorization: string): Promise<User> {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(authorization)?.[1];
    if (token === undefined || token.length > longestToken) refuse('malformed');
    const kid = keyIdOf(token) ?? refuse('header');
    const key = keys.find(kid) ?? (await keys.fetch(kid)) ?? refuse('unknown_key');
    const claims = await claimsOf(token, key);
    const { sub: id, sid: sessionId, exp, username, roles, permissions } = claims;
    if (keys.find(kid) !== key) refuse('unknown_key');
    if (revocations.isRevoked(sessionId)) refuse('revoked');
    const user: User = { id, username, roles, permissions, sessionId };
    remember(authorization, { user, key, goodUntil: (exp + skewSeconds) * 1_000 });
    return user;
  }

  async function claimsOf(token: string, { key }: AccessKey): Promise<z.output<typeof claimsSchema>> {
    const at = now();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer: 'onrush',
        audience: 'onrush-api',
        requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        clockTolerance: skewSeconds,
        currentDate: new Date(at),
      });
      const claims = claimsSchema.parse(payload);
      if (claims.exp > at / 1_000 + longestLifeSeconds) refuse('lives_too_long');
      return claims;
    } catch (error) {
      if (error instanceof joseErrors.JWTExpired) refuse('expired', error);
      if (error instanceof joseErrors.JOSEError || error instanceof z.ZodError) refuse('invalid', error);
      throw error;
    }
  }

  function remember(authorization: string, entry: Verified): void {
    verified.set(authorization, entry);
    // All live about equally long, so the oldest are over first: two looks at each new one keep up with them.
    let looks = 0;
    for (const [oldest, { goodUntil }] of verified) {
      if (goodUntil > now() && verified.size <= cacheLimit) return;
      verified.delete(oldest);
      if ((looks += 1) === 2) return;
    }
  }

  return {
    name: 'authenticator',
    start: keys.start,
    stop: keys.stop,
    authenticate(authorization) {
      if (authorization === undefined) return undefined;
      const known = verified.get(authorization);
      if (!known) return verify(authorization);
      if (known.goodUntil <= now()) {
        verified.delete(authorization);
        refuse('expired');
      }
      if (revocations.isRevoked(known.user.sessionId)) {
        verified.delete(authorization);
        refuse('revoked');
      }
      return known.user;
    },
  };
}

/** Of a header that is exactly what auth-service writes; undefined of any other. */
function keyIdOf(token: string): string | undefined {
  try {
    return headerSchema.parse(decodeProtectedHeader(token)).kid;
  } catch {
    return undefined;
  }
}
