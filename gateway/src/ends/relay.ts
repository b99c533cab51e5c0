import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { AppError } from '@onrush/chassis/errors';
import { errors } from '../errors';
import { answerHeaders, send, sendError, type Exchange } from '../exchange';
import { clientHeaders, headerOf, unkept } from '../upstream/answer-headers';
import type { UpstreamAnswer } from '../upstream/upstream-attempt';

/** The head of an answer. Header lists are names (in lower case) and values in turn. */
type Head = Pick<UpstreamAnswer, 'status' | 'headers'>;

/** Below, a packet is a packet; above, it would be held in memory whole. */
const leastToCompress = 4_096;
const mostToCompress = 262_144;
const compress = promisify(gzip);
const acceptsForm = /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i;

export const acceptsGzip = ({ request }: Exchange): boolean =>
  acceptsForm.test(String(request.headers['accept-encoding'] ?? ''));

/** The answer of an upstream goes to the client as it comes; resolves with the status that the client gets. */
export async function relay(exchange: Exchange, answer: UpstreamAnswer): Promise<number> {
  const failure = failureInstead(answer);
  if (failure) {
    discard(answer);
    sendError(exchange, failure);
    return failure.httpStatus;
  }
  exchange.headers.push('X-Served-Version', answer.instance.version);
  const headers = relayedHeaders(answer);
  const isCompressible = isWorthCompressing(answer);
  if (isCompressible) headers.push('vary', 'accept-encoding');
  if (!isCompressible || !acceptsGzip(exchange) || exchange.request.method === 'HEAD') {
    answer.pipeTo(exchange.response, answerHeaders(exchange, headers));
    return answer.status;
  }
  const body = await compress(await answer.collect(mostToCompress), { level: constants.Z_BEST_SPEED });
  send(exchange, answer.status, compressedHeaders(headers), body);
  return answer.status;
}

/** The headers of an upstream's answer with which it goes to one client. */
export const relayedHeaders = ({ status, headers }: Head): string[] =>
  withRetryAfter(status, unkept(clientHeaders(headers)));

/** Whoever is sent away is told when to come again. */
export const withRetryAfter = (status: number, headers: string[]): string[] =>
  (status === 429 || status === 503) && headerOf(headers, 'retry-after') === undefined
    ? [...headers, 'retry-after', '1']
    : headers;

/** For the body in gzip: other bytes than those that a strong validator stands for (RFC 9110 §8.8.1), and another length. */
export function compressedHeaders(headers: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    if (name === 'etag') kept.push(name, value.startsWith('W/') ? value : `W/${value}`);
    else if (name !== 'content-length') kept.push(name, value);
  }
  kept.push('content-encoding', 'gzip');
  return kept;
}

function isWorthCompressing({ status, headers }: UpstreamAnswer): boolean {
  const length = Number(headerOf(headers, 'content-length') ?? 0);
  if (length < leastToCompress || length > mostToCompress) return false;
  // The range is one of the bytes as they are.
  if (status === 206 || headerOf(headers, 'content-range') !== undefined) return false;
  const type = headerOf(headers, 'content-type') ?? '';
  const isText = /^(?:text\/|application\/(?:[\w.-]+\+)?json)/.test(type);
  return isText && headerOf(headers, 'content-encoding') === undefined;
}

const jsonType = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/**
 * What the client gets instead of a failure that the service did not write itself: the page of a framework or a proxy may show a stack trace.
 * Undefined where the answer may pass.
 */
export function failureInstead({ status, headers }: Head): AppError | undefined {
  if (status < 500 || jsonType.test(headerOf(headers, 'content-type') ?? '')) return undefined;
  const meta = { status };
  if (status === 503) return errors.unavailable({ meta, retryAfterSeconds: 1 });
  return status === 504 ? errors.deadlineExceeded({ meta }) : errors.internal({ meta });
}

/** Read to its end, so that its connection can be used again. */
export const discard = (answer: UpstreamAnswer): void =>
  void answer.collect(mostToCompress).catch(() => undefined);
