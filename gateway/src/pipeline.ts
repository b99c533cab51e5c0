import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasPermission, parseIdempotencyKey } from '@onrush/chassis/http-server';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { User } from '@onrush/chassis/request-context';
import type { AppError } from '@onrush/chassis/errors';
import { asAppError } from '@onrush/chassis/transient';
import { unknownApiKey, type ApiKeys } from './identity/api-keys';
import type { Authenticator } from './identity/authenticate';
import { clientAddress } from './connection/client-address';
import { shed, type ConcurrencyLimit } from './limits/concurrency-limit';
import type { ConnectionGuard } from './connection/connection-guard';
import type { Cors } from './connection/cors';
import { errors } from './errors';
import { lastOfItsConnection, newExchange, sendError, type Exchange } from './exchange';
import type { IpRules } from './identity/ip-rules';
import type { Decision } from './limits/decision';
import type { RateLimiter } from './limits/rate-limiter';
import { isItsTurn, serveInTurn } from './connection/in-turn';
import { assertLength, hasBody, readBody } from './connection/request-body';
import { assertJsonType } from './connection/strict-json';
import { parseTarget } from './connection/request-target';
import type { Router } from './router';
import type { GatewayRoute } from './routes';
import { createServedRecord } from './served-record';
import { endOfTurn } from './turn';

/** What answers a request that has passed every check. */
export type End = (
  exchange: Exchange,
  route: GatewayRoute,
  idempotencyKey: string | undefined,
) => Promise<void> | void;

export interface PipelineOptions {
  guard: ConnectionGuard;
  router: () => Router;
  ends: Record<GatewayRoute['kind'], End>;
  /** Probes, and pages that no route leads to. */
  ownPages: (request: IncomingMessage, response: ServerResponse) => void;
  isOwnPage: (path: string) => boolean;
  /** Answered to whoever asks, also under load and from a blocked address: else the gateway would be taken out of rotation. */
  isProbe: (path: string) => boolean;
  cors: Cors;
  ipRules: IpRules;
  concurrency: ConcurrencyLimit;
  limiter: RateLimiter;
  apiKeys: ApiKeys;
  authenticator: Authenticator;
  /** Names that are served; undefined where any is. */
  hosts: ReadonlySet<string> | undefined;
  trustedHops: number;
  /** False while it starts or drains. */
  isReady: () => boolean;
  logger: Logger;
  metrics: Metrics;
}

/**
 * The way of every request, forward only: framing, its one path, route, block list, room, size, the address's limit, user, permission, the
 * caller's limit, the whole body, and then the end that its route has. What is cheap to check comes before what is dear, and what is narrow
 * before what is shared. Nothing waits where the answer is at hand, which is the case of nearly every buyer.
 */
export function createPipeline(
  deps: PipelineOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const record = createServedRecord(deps);

  async function pass(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    const { path, search } = parseTarget(request, deps);
    exchange.path = path;
    exchange.search = search;
    if (deps.isOwnPage(path)) {
      if (!deps.isProbe(path)) await admitReader(exchange);
      lastOfItsConnection(exchange);
      return deps.ownPages(request, response);
    }
    if (deps.cors.answersPreflight(exchange)) return;
    const route = routeOf(exchange);
    refuseBlocked(exchange);
    if (!hasRoom(exchange, route)) return sendError(exchange, overloaded);
    assertLength(request, route.bodyLimitBytes);
    await identify(exchange, route);
    const idempotencyKey = idempotencyKeyOf(request, route);
    if (hasBody(request)) {
      if (route.body === 'json') assertJsonType(request);
      // The parser is still at the head: what came in one piece with it is here at the end of the turn.
      if (!request.complete) await endOfTurn();
      if (exchange.isGone) return;
      const body = readBody(request, route.bodyLimitBytes);
      exchange.body = body instanceof Promise ? await outsideTheRoom(exchange, route, body) : body;
    }
    // Nothing is begun for a client that left meanwhile.
    if (!exchange.isGone) await deps.ends[route.kind](exchange, route, idempotencyKey);
  }

  /** Our own pages are for everybody who may read what is public, and as often. */
  async function admitReader(exchange: Exchange): Promise<void> {
    refuseBlocked(exchange);
    const decision = deps.limiter.takeForAddress('read', exchange.address);
    enforce(exchange, decision instanceof Promise ? await decision : decision);
  }

  function refuseBlocked({ address }: Exchange): void {
    if (deps.ipRules.isBlocked(address)) throw errors.addressBlocked();
  }

  function routeOf(exchange: Exchange): GatewayRoute {
    const found = deps.router().match(exchange.request.method ?? '', exchange.path);
    if (!found) throw errors.notFound();
    if ('allowed' in found) {
      exchange.headers.push('Allow', found.allowed);
      throw errors.methodNotAllowed();
    }
    exchange.id = found.id;
    exchange.route = found.route;
    return found.route;
  }

  /** Takes it where there is some. No exception: throwing one would be a tenth of what a refusal costs, and there are most when time is short. */
  function hasRoom(exchange: Exchange, { priority, kind }: GatewayRoute): boolean {
    // What is open for hours is counted by its own end.
    if (kind === 'sse' || kind === 'websocket') return true;
    const permit = deps.concurrency.acquire(priority);
    if (permit === shed) return false;
    exchange.permit = permit;
    return true;
  }

  /** Exactly once for each permit that was taken. */
  function leaveRoom(exchange: Exchange, outcome: 'ok' | 'dropped' | 'ignored'): void {
    const { permit } = exchange;
    if (permit === undefined) return;
    exchange.permit = undefined;
    deps.concurrency.release(permit, outcome);
  }

  /** A body comes as slowly as its client likes: meanwhile its request takes up no room, or a thousand such clients would take all. */
  async function outsideTheRoom(
    exchange: Exchange,
    route: GatewayRoute,
    body: Promise<Buffer>,
  ): Promise<Buffer> {
    leaveRoom(exchange, 'ignored');
    const whole = await body;
    // Of one that is over already nobody would give it back.
    if (!exchange.isGone && !hasRoom(exchange, route)) throw overloaded;
    return whole;
  }

  /** Once for each, whatever became of it. One listener, since there is one for each request. */
  function close(exchange: Exchange): void {
    exchange.isGone = !exchange.response.writableFinished;
    if (exchange.isGone) exchange.waiter?.clientGone();
    leaveRoom(exchange, outcomeOf(exchange.response));
    record(exchange);
  }

  async function identify(exchange: Exchange, { auth, rate }: GatewayRoute): Promise<void> {
    const { limiter, authenticator, apiKeys } = deps;
    const { request, address } = exchange;
    const byAddress = limiter.takeForAddress(rate, address);
    enforce(exchange, byAddress instanceof Promise ? await byAddress : byAddress);
    if (auth !== 'public' || asksForCanary(request)) {
      const user = authenticator.authenticate(request.headers.authorization);
      exchange.user = user instanceof Promise ? await user : user;
      authorize(exchange.user, auth);
    }
    const apiKey = apiKeys.nameOf(request.headers['x-api-key'] as string | undefined);
    if (apiKey === unknownApiKey) throw errors.apiKeyUnknown();
    const byCaller = limiter.takeForCaller(rate, { user: exchange.user?.id, apiKey });
    enforce(exchange, byCaller instanceof Promise ? await byCaller : byCaller);
  }

  function serve(exchange: Exchange, badFraming: AppError | undefined): void {
    exchange.response.on('close', () => close(exchange));
    deps.cors.permit(exchange);
    if (badFraming) return fail(exchange, badFraming);
    pass(exchange).catch((error: unknown) => fail(exchange, error));
  }

  return (request, response) => {
    const exchange = newExchange(request, response, clientAddress(request, deps.trustedHops), deps.isReady);
    // Looked at as it arrives: what is broken behind it on its connection must not be taken for its fault.
    const badFraming = deps.guard.refuse(request, response);
    if (isItsTurn(response)) serve(exchange, badFraming);
    else serveInTurn(request, response, () => serve(exchange, badFraming));
  };

  function fail(exchange: Exchange, error: unknown): void {
    const known = asAppError(error, errors);
    if (known.httpStatus === 500)
      deps.logger.error('request failed', { error: known.cause ?? known, trace_id: exchange.traceId });
    sendError(exchange, known);
  }
}

const overloaded = errors.overloaded({ retryAfterSeconds: 1 });

/** The one limit that decided is the one that is told. */
function enforce(exchange: Exchange, decision: Decision): void {
  if (decision.policy !== '') exchange.limit = decision;
  if (decision.allowed) return;
  throw decision.reason === 'unavailable' ? errors.unavailable() : errors.rateLimited();
}

/** Whose wish counts says the access token, also where nobody needs one. */
const asksForCanary = ({ headers }: IncomingMessage): boolean =>
  headers['x-canary'] !== undefined && headers.authorization !== undefined;

function authorize(user: User | undefined, auth: GatewayRoute['auth']): void {
  if (auth === 'public') return;
  if (!user) throw errors.unauthenticated();
  if (typeof auth === 'object' && !hasPermission(user, auth.permission))
    throw errors.permissionDenied({ meta: { permission: auth.permission } });
}

/** Of writes; a malformed key is refused also where none is used. */
function idempotencyKeyOf({ method, headers }: IncomingMessage, route: GatewayRoute): string | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const sent = headers['idempotency-key'] as string | undefined;
  return parseIdempotencyKey(sent, route.idempotencyKey.use === 'required', errors);
}

/** What was refused here, or never read to its end, says nothing about how busy the upstreams are. */
const ownRefusals = new Set([400, 401, 403, 413, 429, 503]);

function outcomeOf({ writableFinished, statusCode }: ServerResponse): 'ok' | 'dropped' | 'ignored' {
  if (!writableFinished || ownRefusals.has(statusCode)) return 'ignored';
  return statusCode === 504 ? 'dropped' : 'ok';
}
