import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import type { Instance } from '@onrush/chassis/discovery';
import type { AppError } from '@onrush/chassis/errors';
import { endWith, failureBody, failureHeaders, answerHeaders, type Exchange } from '../exchange';
import { endToEndHeaders } from '../upstream/answer-headers';
import { failureInstead, relayedHeaders } from './relay';

/** The answer of a service that does not want the WebSocket: it passes as that of any call would. */
export function relayHandshakeRefusal(
  exchange: Exchange,
  answer: IncomingMessage,
  { version }: Instance,
): void {
  const { response } = exchange;
  const head = { status: answer.statusCode ?? 0, headers: endToEndHeaders(answer.headers) };
  const failure = failureInstead(head);
  if (failure) {
    answer.resume();
    return sendHandshakeError(exchange, failure);
  }
  exchange.headers.push('X-Served-Version', version);
  response.writeHead(head.status, answerHeaders(exchange, relayedHeaders(head)));
  // Half an answer must not look like a whole one: where it breaks off, so does the connection.
  pipeline(answer, response, () => undefined);
}

/** At once, not at the end of this turn: http-proxy-middleware ends the connection behind us. */
export function sendHandshakeError(exchange: Exchange, error: AppError): void {
  const body = failureBody(exchange, error);
  const headers = answerHeaders(exchange, failureHeaders(error));
  headers.push('Content-Length', String(Buffer.byteLength(body)));
  endWith(exchange.response, error.httpStatus, headers, body);
}
