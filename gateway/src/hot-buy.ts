import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { isAppError, type AppError } from '@onrush/chassis/errors';
import { asAppError } from '@onrush/chassis/grpc-status';
import { parseIdempotencyKey, validate } from '@onrush/chassis/http-server';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { User } from '@onrush/chassis/request-context';
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
      exchange.headers = rateLimitHeaders('buy', deps.limiter.limitOf('buy'), decision.retryAfterSeconds);
      throw errors.rateLimited({ retryAfterSeconds: decision.retryAfterSeconds });
    }
    const idempotencyKey =
      parseIdempotencyKey(request.headers['idempotency-key'] as string | undefined, false, errors) ?? '';
    const { quantity, token } = validate(purchase, await readJson(request), errors);
    const wanted = { activityId, userId: user.id, quantity, idempotencyKey, purchaseToken: token };
    deps.streams.submit(wanted, (answer) => reply(exchange, answer));
  }

  function reply(exchange: Exchange, answer: BuyReply__Output | AppError): void {
    if (isAppError(answer)) return send(exchange, answer.httpStatus, { error: answer });
    const { refusal, orderNo, reservationId } = answer;
    if (!refusal) {
      const data = `{"order_no":"${orderNo}","reservation_id":"${reservationId}","status":"QUEUED"}`;
      return send(exchange, 202, {
        text: `{"code":0,"message":"success","data":${data},"trace_id":"${exchange.traceId}"}`,
      });
    }
    const body = { code: refusal.code, message: refusal.message, data: null, trace_id: exchange.traceId };
    if (refusal.retryAfterSeconds > 0)
      exchange.headers = { 'Retry-After': String(refusal.retryAfterSeconds) };
    send(exchange, Math.floor(refusal.code / 1000), { text: JSON.stringify(body) });
  }

  function send(exchange: Exchange, status: number, body: { text: string } | { error: AppError }): void {
    const { request, response, traceId } = exchange;
    const text = 'text' in body ? body.text : failureText(body.error, traceId);
    const origin = request.headers.origin;
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'X-Request-Id': exchange.requestId,
      ...(origin &&
        deps.corsOrigins.includes(origin) && { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' }),
      ...('error' in body &&
        body.error.retryAfterSeconds !== undefined && {
          'Retry-After': String(body.error.retryAfterSeconds),
        }),
      ...('error' in body &&
        body.error.code === errors.bodyTooLarge.definition.code && { Connection: 'close' }),
      ...exchange.headers,
    });
    response.end(text);
    const ms = performance.now() - exchange.startedAt;
    duration.observe({ code: String(status) }, ms / 1_000);
    deps.logger.info('request served', {
      method: 'POST',
      path: request.url,
      status,
      ms: Math.round(ms * 10) / 10,
      user_id: exchange.user?.id,
      request_id: exchange.requestId,
      trace_id: traceId,
    });
  }

  return (request, response, activityId) => {
    const requestId = randomUUID();
    const exchange: Exchange = {
      request,
      response,
      requestId,
      traceId: requestId.replaceAll('-', ''),
      startedAt: performance.now(),
    };
    submit(exchange, activityId).catch((error: unknown) => {
      const known = asAppError(error, errors);
      if (known.httpStatus === 500)
        deps.logger.error('purchase failed', { error: known.cause ?? known, trace_id: exchange.traceId });
      send(exchange, known.httpStatus, { error: known });
    });
  };
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  traceId: string;
  startedAt: number;
  user?: User;
  headers?: Record<string, string>;
}

const failureText = (error: AppError, traceId: string): string =>
  JSON.stringify({
    code: error.code,
    message: error.message,
    data: null,
    trace_id: traceId,
    ...(error.fields && { errors: error.fields }),
  });

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
