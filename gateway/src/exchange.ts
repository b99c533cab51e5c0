import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppError } from '@onrush/chassis/errors';
import { requestIdOf, traceIdOf, type User } from '@onrush/chassis/request-context';
import { isDrawn } from '@onrush/chassis/trace-settings';
import { PlainResponse, type Text } from './connection/plain-response';
import { errors } from './errors';
import { rateLimitHeaders, type Decision } from './limits/decision';
import type { GatewayRoute } from './routes';
import { atEndOfTurn } from './turn';
import type { Client } from './upstream/upstream-call';

/** One request and its answer, on their way through the pipeline. */
export interface Exchange extends Client {
  request: IncomingMessage;
  response: ServerResponse;
  /** False while the gateway starts or drains. */
  isReady: () => boolean;
  requestId: string;
  traceId: string;
  /** Whether it is traced, whatever becomes of it. */
  isSampled: boolean;
  /** Of its span; there is none yet unless somebody goes on from it. */
  spanId: string | undefined;
  /** Of the instance that answered. */
  servedVersion: string | undefined;
  /** Milliseconds, of performance.now(). */
  startedAt: number;
  /** The one form of the path that routing, rules and upstream see. */
  path: string;
  /** With its question mark; empty without one. */
  search: string;
  /** The client's, as far as the trusted proxies tell. */
  address: string;
  route: GatewayRoute | undefined;
  /** What the last colon of the route's path stands for. */
  id: string | undefined;
  user: User | undefined;
  /** All of it; null where there is none. */
  body: Buffer | null;
  /** Of the concurrency limit; undefined where it takes up no room. */
  permit: number | undefined;
  /** What the rate limit that decided says. */
  limit: Decision | undefined;
  /** Names and values in turn, besides those that every answer has. */
  headers: string[];
}

export function newExchange(
  request: IncomingMessage,
  response: ServerResponse,
  address: string,
  isReady: () => boolean,
): Exchange {
  const { headers } = request;
  const traceId = traceIdOf(headers['traceparent'] as string | undefined);
  return {
    request,
    response,
    isReady,
    requestId: requestIdOf(headers['x-request-id'], traceId),
    traceId,
    isSampled: isDrawn(),
    spanId: undefined,
    servedVersion: undefined,
    startedAt: performance.now(),
    path: '',
    search: '',
    address,
    route: undefined,
    id: undefined,
    user: undefined,
    body: null,
    permit: undefined,
    limit: undefined,
    headers: [],
    isGone: false,
    waiter: undefined,
  };
}

/** OWASP REST Security Cheat Sheet: nothing here is a page, and nothing is to be guessed or framed. HSTS is said by who ends TLS (RFC 6797 §7.2). */
const everyHeader = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "default-src 'none'; frame-ancestors 'none'",
];

/** While the gateway drains, also for a request that came before: the next one of this client belongs to another gateway. */
export function lastOfItsConnection({ response, isReady }: Exchange): void {
  if (!isReady()) response.shouldKeepAlive = false;
}

/** All headers of an answer: its own, ours, and what the way has added. */
export function answerHeaders(exchange: Exchange, own: string[]): string[] {
  const { requestId, limit, headers } = exchange;
  lastOfItsConnection(exchange);
  const all = own.concat(everyHeader, headers);
  all.push('X-Request-Id', requestId);
  if (limit) all.push(...rateLimitHeaders(limit));
  return all;
}

/** Ends the exchange with a whole body at hand, at the end of this turn of the loop. `own` are the body's headers, without its length. */
export function send(exchange: Exchange, status: number, own: string[], body: Buffer | string): void {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const headers = answerHeaders(exchange, own);
  headers.push('Content-Length', String(length));
  atEndOfTurn(() => endWith(exchange.response, status, headers, body));
}

const smallBytes = 16_384;

/**
 * Node sends head and body of a string in one piece, those of a buffer in two and by a slower call. As latin1, bytes stay what they are. An answer
 * that cannot be written is cut off alone, since this runs where an exception would end the process with all others; its record tells why.
 */
export function endWith(
  response: ServerResponse,
  status: number,
  headers: string[],
  body: Buffer | string | undefined,
): void {
  if (response.headersSent || response.destroyed) return;
  try {
    write(response, status, headers, body);
  } catch (bug) {
    // First without it: an error of the socket would be taken for the client's.
    response.socket?.destroy();
    response.destroy(bug as Error);
  }
}

function write(
  response: ServerResponse,
  status: number,
  headers: string[],
  body: Buffer | string | undefined,
): void {
  const whole = textOf(body);
  if (whole && response instanceof PlainResponse && response.sendWhole(status, headers, whole)) return;
  response.writeHead(status, headers);
  if (body === undefined || response.req.method === 'HEAD') response.end();
  else if (whole) response.end(whole.text, whole.encoding);
  else response.end(body);
}

/** Undefined where there is none, or too much of it. */
function textOf(body: Buffer | string | undefined): Text | undefined {
  if (typeof body === 'string') return { text: body, encoding: 'utf8' };
  return body && body.length <= smallBytes
    ? { text: body.toString('latin1'), encoding: 'latin1' }
    : undefined;
}

const json = ['content-type', 'application/json; charset=utf-8', 'cache-control', 'no-store'];

export const sendJson = (exchange: Exchange, status: number, text: string): void =>
  send(exchange, status, json, text);

/** The envelope of an expected error. */
export function sendError(exchange: Exchange, error: AppError): void {
  const { headers, response } = exchange;
  // Half an answer must not look like a whole one.
  if (response.headersSent) return void response.destroy();
  // What is left of the body is not read.
  if (error.code === errors.bodyTooLarge.definition.code) headers.push('Connection', 'close');
  send(exchange, error.httpStatus, failureHeaders(error), failureBody(exchange, error));
}

export const failureHeaders = ({ retryAfterSeconds }: AppError): string[] =>
  retryAfterSeconds === undefined ? json : [...json, 'retry-after', String(retryAfterSeconds)];

export const failureBody = ({ traceId }: Exchange, { code, message, fields }: AppError): string =>
  JSON.stringify({ code, message, data: null, trace_id: traceId, ...(fields && { errors: fields }) });
