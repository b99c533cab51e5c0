import type { Logger } from '@onrush/chassis/logger';
import { headerOf } from '../upstream/answer-headers';
import type { Preference } from '../canary/canary';
import type { CanaryChoice } from '../canary/canary-choice';
import { itemTag, listTag } from '../cache/cache-tags';
import type { Exchange } from '../exchange';
import type { Once } from './once';
import { failureInstead, relay } from './relay';
import type { Onward } from '../upstream/onward';
import type { End } from '../pipeline';
import { parseJsonStrictly } from '../connection/strict-json';
import type { ResponseCache } from '../cache/response-cache';
import type { GatewayRoute } from '../routes';
import type { Upstreams } from '../upstream/upstream';
import type { UpstreamAnswer } from '../upstream/upstream-attempt';

interface How {
  body: Buffer | null;
  /** Asking twice has the effect of asking once. */
  isRepeatable?: boolean;
  /** For whoever asks the same: nothing of this client goes on. */
  isShared?: boolean;
  /** The call goes on when this client has gone. */
  isDetached?: boolean;
  /** Where it has been chosen already. */
  preference?: Preference;
}

/** Asks the upstream of a route. */
export type Ask = (exchange: Exchange, route: GatewayRoute, how: How) => Promise<UpstreamAnswer>;

export function createAsk(deps: {
  upstreams: Upstreams;
  onward: Onward;
  canary: CanaryChoice;
  logger: Logger;
}): Ask {
  const { upstreams, onward, canary } = deps;
  /** What the client does not get to see, somebody has to. */
  function tellFailure({ status, headers, instance }: UpstreamAnswer, { traceId }: Exchange): void {
    const contentType = headerOf(headers, 'content-type');
    const { service: upstream, id, version } = instance;
    const facts = { upstream, instance: id, version, status, contentType, trace_id: traceId };
    deps.logger.error('a failure that is no JSON was kept from its client', facts);
  }
  return async (exchange, route, how) => {
    const { body, isRepeatable = false, isShared = false, isDetached = isShared } = how;
    const preference = how.preference ?? canary.preferenceOf(exchange, route);
    const { path, search } = exchange;
    const method = isShared ? 'GET' : (exchange.request.method ?? '');
    const headers = isShared
      ? await onward.sharedRequestHeaders(exchange, route)
      : await onward.requestHeaders(exchange, route);
    const answer = await upstreams.forward({
      upstream: route.upstream,
      method,
      path: path + search,
      headers,
      body,
      timeoutMs: route.timeoutMs,
      priority: route.priority,
      preference,
      idempotent: isRepeatable || method === 'GET' || method === 'HEAD',
      ...(!isDetached && { client: exchange }),
      stream: route.kind === 'sse',
    });
    exchange.servedVersion = answer.instance.version;
    if (failureInstead(answer)) tellFailure(answer, exchange);
    return answer;
  };
}

/** The end of most requests: one call to the upstream, whose answer goes to the client as it comes. */
export function createCall(deps: {
  ask: Ask;
  once: Once;
  cachedRead: (exchange: Exchange, route: GatewayRoute) => Promise<void> | void;
  cache: ResponseCache;
}): End {
  return async (exchange, route, idempotencyKey) => {
    const { body } = exchange;
    if (route.cache) return deps.cachedRead(exchange, route);
    // The service gets the bytes as they came: whatever reads them there, sees what was read here.
    if (route.body === 'json' && body) parseJsonStrictly(body);
    const status =
      idempotencyKey !== undefined && route.idempotencyKey.use !== 'off'
        ? await deps.once(exchange, route, idempotencyKey, body)
        : await relay(exchange, await deps.ask(exchange, route, { body }));
    if (route.purges && status < 300) purge(deps.cache, route.purges, exchange.id);
  };
}

/** Whoever changes something here reads it here at once; the other gateways hear of it, or its time runs out. */
function purge(cache: ResponseCache, tag: string, id: string | undefined): void {
  cache.purge(listTag(tag));
  if (id !== undefined) cache.purge(itemTag(tag, id));
}
