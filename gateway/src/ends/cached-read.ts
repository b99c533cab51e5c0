import { itemTag, listTag } from '../cache/cache-tags';
import type { Ask } from './call';
import { acceptsGzip, compressedHeaders, discard, failureInstead, withRetryAfter } from './relay';
import type { Preference } from '../canary/canary';
import type { CanaryChoice } from '../canary/canary-choice';
import { failureBody, failureHeaders, send, type Exchange } from '../exchange';
import type { CacheableAnswer } from '../cache/cacheable-answer';
import type { CacheRule, Hit, ResponseCache } from '../cache/response-cache';
import type { GatewayRoute } from '../routes';
import { clientHeaders, withoutHeader } from '../upstream/answer-headers';

const answerLimitBytes = 1_048_576;

/** The end of public reads: an answer that is kept, or that is asked for once for all who wait for it. */
export function createCachedRead(deps: {
  cache: ResponseCache;
  ask: Ask;
  canary: CanaryChoice;
}): (exchange: Exchange, route: GatewayRoute) => Promise<void> | void {
  const { cache, ask } = deps;
  /** A changed table brings other routes, so that what is made for one is made once. */
  const rules = new WeakMap<GatewayRoute, CacheRule>();

  function ruleOf(route: GatewayRoute): CacheRule {
    let rule = rules.get(route);
    if (!rule) {
      const { ttlMs = 0, staleMs = 0 } = route.cache ?? {};
      rules.set(route, (rule = { route: route.path, ttlMs, staleMs }));
    }
    return rule;
  }

  async function load(
    exchange: Exchange,
    route: GatewayRoute,
    preference: Preference,
  ): Promise<CacheableAnswer> {
    const answer = await ask(exchange, route, { body: null, isShared: true, preference });
    const failure = failureInstead(answer);
    if (failure) {
      discard(answer);
      // For all who wait for it, as if the service had said so.
      const headers = withoutHeader(failureHeaders(failure), 'cache-control');
      return { status: failure.httpStatus, headers, body: Buffer.from(failureBody(exchange, failure)) };
    }
    const { id } = exchange;
    const tag = route.cache?.tag ?? '';
    return {
      status: answer.status,
      headers: [
        ...withoutHeader(clientHeaders(answer.headers), 'content-length'),
        'x-served-version',
        answer.instance.version,
      ],
      body: await answer.collect(answerLimitBytes),
      tags: [id === undefined ? listTag(tag) : itemTag(tag, id)],
    };
  }

  return (exchange, route) => {
    const { cohort, preference } = deps.canary.choose(exchange, route);
    const key = `${cohort} ${exchange.path}${exchange.search}`;
    const found = cache.get(key, ruleOf(route), () => load(exchange, route, preference));
    const give = (hit: Hit) => answerWith(exchange, hit, acceptsGzip(exchange) && cache.gzipOf(key, hit));
    return found instanceof Promise ? found.then(give) : give(found);
  };
}

function answerWith(
  exchange: Exchange,
  { answer, ageSeconds, outcome }: Hit,
  zipped: Buffer | false | undefined,
) {
  const { status, headers, body } = answer;
  const own = [
    ...withRetryAfter(status, headers),
    ...['age', String(ageSeconds), 'x-cache', outcome, 'vary', 'accept-encoding'],
  ];
  // Kept here, where it can be taken back; nobody behind us could be told.
  if (!headers.includes('cache-control')) own.push('cache-control', 'no-cache');
  send(exchange, status, zipped ? compressedHeaders(own) : own, zipped || body);
}
