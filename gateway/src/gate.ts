import type { RequestHandler } from 'express';
import { currentContext } from '@onrush/chassis/request-context';
import type { Authenticator } from './authenticate';
import { clientAddress } from './client-address';
import { errors } from './errors';
import { rateLimitHeaders, type RateLimiter } from './rate-limiter';
import { hasTwoAuthorizations } from './request-headers';
import type { GatewayRoute } from './routes';

export interface GateOptions {
  authenticator: Authenticator;
  limiter: RateLimiter;
  trustedHops: number;
  bodyLimitBytes: number;
}

/** What every proxied request passes: size, identity, rate limit. */
export function createGate(options: GateOptions): (route: GatewayRoute) => RequestHandler {
  const { authenticator, limiter } = options;
  return (route) => async (request, response, next) => {
    if (Number(request.get('content-length') ?? 0) > options.bodyLimitBytes) {
      response.set('Connection', 'close');
      throw errors.bodyTooLarge();
    }
    if (hasTwoAuthorizations(request)) throw errors.ambiguousAuthorization();
    const user =
      route.auth === 'user' ? await authenticator.authenticate(request.get('authorization')) : undefined;
    if (route.auth === 'user' && !user) throw errors.unauthenticated();
    const context = currentContext();
    if (context && user) context.user = user;

    const decision = await limiter.take(
      route.rate,
      user ? user.id : clientAddress(request, options.trustedHops),
    );
    if (!decision.allowed) {
      response.set(rateLimitHeaders(route.rate, limiter.limitOf(route.rate), decision.retryAfterSeconds));
      throw errors.rateLimited({ retryAfterSeconds: decision.retryAfterSeconds });
    }
    next();
  };
}
