import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { isAppError, type AppError } from '@onrush/chassis/errors';
import { asAppError } from '@onrush/chassis/transient';
import { parseIdempotencyKey, validate } from '@onrush/chassis/http-server';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { requestIdOf, traceIdOf, type User } from '@onrush/chassis/request-context';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { Authenticator } from './authenticate';
import type { BuyStreams } from './buy-streams';
import { errors } from './errors';
import { rateLimitHeaders, type RateLimiter } from './rate-limiter';
import { hasTwoAuthorizations } from './request-headers';

export interface HotBuy {
  authenticator: Authenticator;
  limiter: RateLimiter;
  streams: BuyStreams;
  corsOrigins: string[];
  canaryHeaderEnabled: () => boolean;
  logger: Logger;
  metrics: Metrics;
}

const prefix = '/api/v1/seckill/activities/';
const suffix = '/buy';
const bodyLimitBytes = 1_024;

const purchase = z.strictObject({
  quantity: z.int().min(1).max(100).default(1),
  token: z.string().max(512).default(''),
});

/** The activity of `POST /api/v1/seckill/activities/:id/buy`; undefined for every other request. */
export function activityToBuy({ method, url = '' }: IncomingMessage): string | undefined {
  if (method !== 'POST' || !url.startsWith(prefix) || !url.endsWith(suffix)) return undefined;
  const activityId = url.slice(prefix.length, -suffix.length);
  return /^[1-9]\d{0,18}$/.test(activityId) ? activityId : undefined;
}

/**
 * The path of every buyer at the same second. It does what the other routes do (authenticate, limit, validate, answer in the envelope, log),
 * without what costs: no framework, no promise where the answer is at hand, one gRPC message for many purchases.
 */
export function createHotBuy(
  deps: HotBuy,
): (request: IncomingMessage, response: ServerResponse, activityId: string) => void {
  const duration = deps.metrics.histogram('gateway_buy_duration_seconds', 'Purchases answered', ['code']);
  const durations = new Map<number, ReturnType<typeof duration.labels>>();
  const durationOf = (status: number) => {
    let ofStatus = durations.get(status);
    if (!ofStatus) durations.set(status, (ofStatus = duration.labels({ code: String(status) })));
    return ofStatus;
  };

  async function submit(exchange: Exchange, activityId: string): Promise<void> {
    const { request } = exchange;
    if (hasTwoAuthorizations(request)) throw errors.ambiguousAuthorization();
    const known = deps.authenticator.authenticate(request.headers.authorization);
    const user = known instanceof Promise ? await known : known;
    if (!user) throw errors.unauthenticated();
    exchange.user = user;
    const taken = deps.limiter.take('buy', user.id);
    const decision = taken instanceof Promise ? await taken : taken;
    if (!decision.allowed) {
      const { retryAfterSeconds } = decision;
      const policy = rateLimitHeaders('buy', deps.limiter.limitOf('buy'), retryAfterSeconds);
      exchange.headers.push(...Object.entries(policy).flat());
      throw errors.rateLimited();
    }
    const idempotencyKey =
      parseIdempotencyKey(request.headers['idempotency-key'] as string | undefined, false, errors) ?? '';
    const { quantity, token } = validate(purchase, await readJson(request), errors);
    const wanted = { activityId, userId: user.id, quantity, idempotencyKey, purchaseToken: token };
    const canary = deps.canaryHeaderEnabled() ? request.headers['x-canary'] : undefined;
    const version = deps.streams.submit(wanted, canary as string | undefined, (answer) =>
      reply(exchange, answer),
    );
    if (version !== undefined) exchange.headers.push('X-Served-Version', version);
  }

  function reply(exchange: Exchange, answer: BuyReply__Output | AppError): void {
    if (isAppError(answer)) return fail(exchange, answer);
    const { refusal, orderNo, reservationId } = answer;
    const { traceId } = exchange;
    if (!refusal) {
      const data = `{"order_no":"${orderNo}","reservation_id":"${reservationId}","status":"QUEUED"}`;
      return send(exchange, 202, `{"code":0,"message":"success","data":${data},"trace_id":"${traceId}"}`);
    }
    const { code, message, retryAfterSeconds } = refusal;
    if (retryAfterSeconds > 0) exchange.headers.push('Retry-After', String(retryAfterSeconds));
    const status = Math.floor(code / 1000);
    send(exchange, status, JSON.stringify({ code, message, data: null, trace_id: traceId }));
  }

  function fail(exchange: Exchange, error: AppError): void {
    const { code, message, httpStatus, fields, retryAfterSeconds } = error;
    if (httpStatus === 500)
      deps.logger.error('purchase failed', { error: error.cause ?? error, trace_id: exchange.traceId });
    if (retryAfterSeconds !== undefined) exchange.headers.push('Retry-After', String(retryAfterSeconds));
    // The rest of an oversized body is never read.
    if (code === errors.bodyTooLarge.definition.code) exchange.headers.push('Connection', 'close');
    const body = { code, message, data: null, trace_id: exchange.traceId, ...(fields && { errors: fields }) };
    send(exchange, httpStatus, JSON.stringify(body));
  }

  function send(exchange: Exchange, status: number, text: string): void {
    const { request, response, requestId, headers } = exchange;
    const origin = request.headers.origin;
    if (origin && deps.corsOrigins.includes(origin))
      headers.push('Access-Control-Allow-Origin', origin, 'Vary', 'Origin');
    const length = String(Buffer.byteLength(text));
    response.writeHead(status, [
      ...everyHeader,
      'Content-Length',
      length,
      'X-Request-Id',
      requestId,
      ...headers,
    ]);
    response.end(text);
    const ms = performance.now() - exchange.startedAt;
    durationOf(status).observe(ms / 1_000);
    const { traceId, user } = exchange;
    const path = request.url ?? '';
    deps.logger.served({ method: 'POST', path, status, ms, userId: user?.id, requestId, traceId });
  }

  return (request, response, activityId) => {
    const exchange = newExchange(request, response);
    submit(exchange, activityId).catch((error: unknown) => fail(exchange, asAppError(error, errors)));
  };
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  traceId: string;
  /** Milliseconds, of performance.now(). */
  startedAt: number;
  user: User | undefined;
  /** Names and values in turn, besides those that every answer has. */
  headers: string[];
}

function newExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const requestId = requestIdOf(request.headers['x-request-id']);
  const { traceparent } = request.headers;
  return {
    request,
    response,
    requestId,
    traceId: traceIdOf(traceparent as string | undefined),
    startedAt: performance.now(),
    user: undefined,
    headers: [],
  };
}

const everyHeader = [
  'Content-Type',
  'application/json; charset=utf-8',
  'Cache-Control',
  'no-store',
  'X-Content-Type-Options',
  'nosniff',
];

/** An absent body is an empty object. */
function readJson(request: IncomingMessage): Promise<unknown> {
  const length = Number(request.headers['content-length'] ?? 0);
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (length === 0 && !chunked) return Promise.resolve({});
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw errors.unsupportedMediaType();
  if (request.headers['content-encoding'] !== undefined) throw errors.unsupportedMediaType();
  if (length > bodyLimitBytes) throw errors.bodyTooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= bodyLimitBytes) chunks.push(chunk);
      else reject(errors.bodyTooLarge());
    });
    request.on('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      } catch (cause) {
        reject(errors.invalidArgument({ cause, fields: [{ field: '', message: 'malformed JSON' }] }));
      }
    });
    request.on('error', reject);
  });
}
