import type http from 'node:http';
import type { Socket } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { createBalancer, type Pick } from '@onrush/chassis/balancer';
import type { Discovery, Instance } from '@onrush/chassis/discovery';
import { isAppError, type AppError } from '@onrush/chassis/errors';
import { errorBody } from '@onrush/chassis/http-server';
import { internalTokenHeader, type InternalTokens } from '@onrush/chassis/internal-tokens';
import type { Metrics } from '@onrush/chassis/metrics';
import { currentContext, traceIdOf, traceparentOf } from '@onrush/chassis/request-context';
import { pickVersion } from './canary';
import { clientAddress } from './client-address';
import { errors } from './errors';
import { stripHeaders } from './request-headers';
import type { GatewayRoute } from './routes';

export interface ProxyOptions {
  discovery: Discovery;
  tokens: InternalTokens;
  /** Keeps connections to the upstreams open. */
  agent: http.Agent;
  metrics: Metrics;
  upstreams: string[];
  trustedHops: number;
  bodyLimitBytes: number;
  canaryHeaderEnabled: () => boolean;
}

/** Forwards a request to one instance of its upstream, as the verified user, with the time that is left. */
export function createProxy(options: ProxyOptions): (route: GatewayRoute) => RequestHandler {
  const { discovery, tokens, agent } = options;
  const balancers = new Map(
    options.upstreams.map((upstream) => [upstream, createBalancer(discovery, upstream)]),
  );
  const picks = new WeakMap<Request, Pick>();
  const answered = options.metrics.counter('gateway_upstream_answers_total', 'Answers of upstreams', [
    'upstream',
    'version',
    'code',
  ]);

  function pickFor(request: Request, route: GatewayRoute): Pick {
    const balancer = balancers.get(route.upstream);
    const wanted = options.canaryHeaderEnabled() ? request.get('x-canary') : undefined;
    const pick = pickVersion(wanted, (allowed) => balancer?.pick(allowed));
    if (!pick) throw errors.upstreamFailed({ retryAfterSeconds: 1, meta: { upstream: route.upstream } });
    return pick;
  }

  async function prepare(request: Request, response: Response, route: GatewayRoute): Promise<Pick> {
    const pick = pickFor(request, route);
    picks.set(request, pick);
    const context = currentContext();
    const address = clientAddress(request, options.trustedHops);
    stripHeaders(request.headers);
    Object.assign(request.headers, {
      [internalTokenHeader]: await tokens.issue(route.upstream, context?.user),
      'x-request-id': context?.requestId,
      'x-deadline-ms': String(route.timeoutMs),
      'x-forwarded-for': address,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': request.get('host') ?? '',
    });
    // A traceparent that is not valid was not taken over either.
    if (context && traceIdOf(request.get('traceparent')) !== context.traceId)
      request.headers['traceparent'] = traceparentOf(context);
    response.set('X-Served-Version', pick.instance.version);
    return pick;
  }

  const proxyWithin = (timeoutMs: number) =>
    createProxyMiddleware<Request, Response>({
      target: 'http://placeholder.invalid',
      router: (request) => targetOf(picks.get(request)?.instance),
      agent,
      proxyTimeout: timeoutMs,
      on: {
        proxyReq: (onward, request) => limitBody(request, onward, options.bodyLimitBytes),
        proxyRes: (answer, request) => {
          const pick = picks.get(request);
          pick?.done((answer.statusCode ?? 500) >= 500 ? 'failed' : 'ok');
          const { service: upstream = '', version = '' } = pick?.instance ?? {};
          answered.inc({ upstream, version, code: String(answer.statusCode) });
        },
        error: (error, request, response) => {
          const failure = failureOf(error);
          if (failure.httpStatus >= 500)
            picks.get(request)?.done(failure.httpStatus === 504 ? 'failed' : 'unreachable');
          sendFailure(response, failure);
        },
      },
    });

  const byTimeout = new Map<number, RequestHandler>();
  const proxyFor = (timeoutMs: number): RequestHandler => {
    const proxy = byTimeout.get(timeoutMs) ?? proxyWithin(timeoutMs);
    byTimeout.set(timeoutMs, proxy);
    return proxy;
  };

  return (route) => {
    const proxy = proxyFor(route.timeoutMs);
    return async (request, response, next) => {
      const pick = await prepare(request, response, route);
      // Also a client that goes away ends the call.
      response.once('close', () => pick.done('ok'));
      await proxy(request, response, next);
    };
  };
}

/** What announces its length was refused at the gate; what comes in chunks is counted on its way. */
function limitBody(request: Request, onward: http.ClientRequest, limitBytes: number): void {
  if (request.get('transfer-encoding') === undefined) return;
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limitBytes) onward.destroy(errors.bodyTooLarge());
  });
}

const targetOf = (instance: Instance | undefined): string =>
  `http://${instance?.address}:${instance?.httpPort}`;

function failureOf(error: NodeJS.ErrnoException | AppError): AppError {
  if (isAppError(error)) return error;
  const timedOut =
    error.code === 'ETIMEDOUT' || error.code === 'ECONNRESET' || /timeout/i.test(error.message);
  if (timedOut) return errors.deadlineExceeded({ cause: error });
  return errors.upstreamFailed({ cause: error, retryAfterSeconds: 1 });
}

function sendFailure(response: Response | Socket, failure: AppError): void {
  if (!('headersSent' in response))
    return void response.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n');
  // Half an answer must not look like a whole one.
  if (response.headersSent || response.destroyed) return void response.destroy();
  // The rest of an oversized body is never read.
  if (failure.httpStatus === 413) response.set('Connection', 'close');
  if (failure.retryAfterSeconds !== undefined) response.set('Retry-After', String(failure.retryAfterSeconds));
  response.status(failure.httpStatus).json(errorBody(failure));
}
