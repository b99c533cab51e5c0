import { readFileSync } from 'node:fs';
import {
  createLocalJWKSet,
  importJWK,
  jwtVerify,
  SignJWT,
  type CryptoKey,
  type JSONWebKeySet,
  type JWK,
} from 'jose';
import { z } from 'zod';
import type { User } from './request-context';

/**
 * Who calls whom, signed: a JWT (RFC 7519) of its own `typ`, EdDSA, made by the calling service with its own key,
 * for one callee (`aud`), valid for a minute. A user token can never pass for one, nor the reverse.
 */
export interface InternalTokens {
  /** A token for calls to `audience`, on behalf of `user` if given. Reused until shortly before it ends. */
  issue(audience: string, user?: User): Promise<string>;
  /** The verified caller; throws when the token is not a valid one for this service. */
  verify(token: string): Promise<VerifiedCaller>;
}

export interface VerifiedCaller {
  service: string;
  user?: User;
}

export const internalTokenHeader = 'x-internal-token';

const tokenType = 'onrush-internal+jwt';
const lifeSeconds = 60;
const reuseMs = 40_000;
const cacheLimit = 20_000;

const userClaim = z.object({
  id: z.string().min(1),
  username: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  sessionId: z.string().optional(),
});
const claimsSchema = z.object({ iss: z.string(), exp: z.number(), user: userClaim.optional() });

export function createInternalTokens(options: {
  service: string;
  jwks: JSONWebKeySet;
  privateKey: JWK;
}): InternalTokens {
  const { service } = options;
  const keySet = createLocalJWKSet(options.jwks);
  const signingKey = importJWK(options.privateKey, 'EdDSA') as Promise<CryptoKey>;
  const issued = new ExpiringCache<Promise<string>>();
  const verified = new ExpiringCache<VerifiedCaller>();

  async function sign(audience: string, user: User | undefined): Promise<string> {
    return new SignJWT(user ? { user } : {})
      .setProtectedHeader({ alg: 'EdDSA', typ: tokenType, kid: service })
      .setIssuer(service)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${lifeSeconds}s`)
      .sign(await signingKey);
  }

  async function check(token: string): Promise<VerifiedCaller> {
    const { payload, protectedHeader } = await jwtVerify(token, keySet, {
      algorithms: ['EdDSA'],
      typ: tokenType,
      audience: service,
      requiredClaims: ['iss', 'aud', 'exp', 'iat'],
      maxTokenAge: `${lifeSeconds}s`,
      clockTolerance: 5,
    });
    const claims = claimsSchema.parse(payload);
    // Each service signs with its own key, so the key says who it is.
    if (protectedHeader.kid !== claims.iss) throw new Error('issuer and key differ');
    const caller = { service: claims.iss, ...(claims.user && { user: claims.user }) };
    verified.set(token, caller, claims.exp * 1000);
    return caller;
  }

  return {
    issue(audience, user) {
      const key = user
        ? `${audience} ${user.id} ${user.sessionId ?? ''} ${user.roles.join()} ${user.permissions.join()}`
        : audience;
      const known = issued.get(key);
      if (known) return known;
      const token = sign(audience, user);
      issued.set(key, token, Date.now() + reuseMs);
      return token;
    },
    verify: async (token) => verified.get(token) ?? check(token),
  };
}

/** Reads the two key files that the configuration names. */
export function internalTokensFromFiles(
  service: string,
  config: { internalJwks: string; internalPrivateKey: string },
): InternalTokens {
  const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
  return createInternalTokens({
    service,
    jwks: read(config.internalJwks) as JSONWebKeySet,
    privateKey: read(config.internalPrivateKey) as JWK,
  });
}

/** Bounded: the oldest entry goes first, since all of them live about equally long. */
class ExpiringCache<T> {
  private readonly entries = new Map<string, { value: T; until: number }>();

  get(key: string): T | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    if (entry.until > Date.now()) return entry.value;
    this.entries.delete(key);
    return undefined;
  }

  set(key: string, value: T, until: number): void {
    this.entries.delete(key);
    this.entries.set(key, { value, until });
    if (this.entries.size > cacheLimit) this.entries.delete(this.entries.keys().next().value ?? '');
  }
}
