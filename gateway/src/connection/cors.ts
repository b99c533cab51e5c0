import { send, type Exchange } from '../exchange';

export interface Cors {
  /** What a browser needs to show the answer to a page of an allowed origin; nothing for others. */
  permit(exchange: Exchange): void;
  /** Answers a preflight (Fetch standard, "CORS-preflight fetch"); false where it is none. */
  answersPreflight(exchange: Exchange): boolean;
}

const allowedHeaders =
  'authorization, content-type, idempotency-key, if-match, traceparent, x-device-id, x-queue-ticket, x-request-id';
const exposedHeaders =
  'age, etag, idempotent-replayed, ratelimit, ratelimit-policy, retry-after, x-cache, x-request-id, x-served-version';

/** Cross-origin rules for the origins of the configuration. No cookies are used, so no credentials are allowed either. */
export function createCors(origins: string[]): Cors {
  const allowed = new Set(origins);
  return {
    permit({ request, headers }) {
      if (allowed.size === 0) return;
      headers.push('Vary', 'Origin');
      const { origin } = request.headers;
      if (origin === undefined || !allowed.has(origin)) return;
      headers.push('Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', exposedHeaders);
    },
    answersPreflight(exchange) {
      const { request, headers } = exchange;
      const { origin } = request.headers;
      const isPreflight =
        request.method === 'OPTIONS' &&
        origin !== undefined &&
        request.headers['access-control-request-method'] !== undefined;
      if (!isPreflight) return false;
      if (allowed.has(origin))
        headers.push(
          'Access-Control-Allow-Methods',
          'GET, POST, PUT, DELETE',
          'Access-Control-Allow-Headers',
          allowedHeaders,
          'Access-Control-Max-Age',
          '600',
        );
      send(exchange, 204, [], '');
      return true;
    },
  };
}
