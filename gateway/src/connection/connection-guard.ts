import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { serverLimits } from '@onrush/chassis/http-server';
import type { AppError } from '@onrush/chassis/errors';
import type { Metrics } from '@onrush/chassis/metrics';
import { traceIdOf } from '@onrush/chassis/request-context';
import { errors } from '../errors';
import { refuseBadFraming, type BadRequestReason } from './request-framing';
import { slowReaderLimits, watchSlowReaders, type SlowReaderLimits } from './slow-readers';

/**
 * How the public server has to be made. A head that is not there after 8 s and a body that is not after 13 s are noticed within a quarter of a
 * second: nobody holds a connection for more than 10 and 15 s with half a request. An answer has no time limit here.
 */
export const publicServerOptions = {
  ...serverLimits,
  headersTimeout: 8_000,
  requestTimeout: 13_000,
  // Costs nothing where none is late. All that came slowly in two seconds, answered at once, would make those wait who are not slow.
  connectionsCheckingInterval: 250,
  // Also against `node --insecure-http-parser`.
  insecureHTTPParser: false,
  // Node's own refusal is not in the envelope; request-target.ts refuses a request without Host.
  requireHostHeader: false,
};

export interface ConnectionGuard {
  /**
   * Why a request must not be served, if so: it is counted, and its connection closes after the answer. To be asked before anything else, and
   * the error to be answered like any other.
   */
  refuse(request: IncomingMessage, response: ServerResponse): AppError | undefined;
}

/** More than may be sent: request-framing.ts refuses the request, where Node would drop headers silently. */
const keptHeaders = 200;
const requestsPerConnection = 10_000;
/** How long a client may read its refusal while it is still sending: a reset would take the answer away from it. */
const lingerMs = 500;
const methods = 'GET, HEAD, POST, PUT, DELETE, OPTIONS';

/** What Node's HTTP server leaves open: refusals in the envelope and in turn, expectations, CONNECT, readers that do not read. */
export function guardConnections(
  server: Server,
  { metrics, slowReaders = slowReaderLimits }: { metrics: Metrics; slowReaders?: SlowReaderLimits },
): ConnectionGuard {
  const refused = metrics.counter('gateway_bad_requests_total', 'Requests that were not fit to be served', [
    'reason',
  ]);
  const ended = new WeakSet<Socket>();
  server.maxHeadersCount = keptHeaders;
  server.maxRequestsPerSocket = requestsPerConnection;

  function end(socket: Socket, reason: BadRequestReason, error: AppError): void {
    if (ended.has(socket)) return;
    ended.add(socket);
    refused.inc({ reason });
    answerInTurn(socket, error);
  }

  server.on('clientError', (failure: ParserError, socket: Socket) => {
    const refusal = refusalOf(failure);
    if (refusal) end(socket, ...refusal);
    else socket.destroy();
  });
  server.on('connect', (_request, socket: Socket) => {
    // Node has taken its listeners off: without one, a reset would end the process; unread, what the client sends would cause one.
    socket.on('error', () => undefined);
    socket.resume();
    end(socket, 'method', errors.methodNotAllowed());
  });
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    continueWhenRead(request, response);
    server.emit('request', request, response);
  });
  // `refuse` answers it, as every other refusal.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  watchSlowReaders(server, slowReaders, () => refused.inc({ reason: 'slow_reader' }));

  return {
    refuse(request, response) {
      // What was read together with a bad request may be a part of it, and what comes after a time-out comes too late.
      if (ended.has(request.socket)) return errors.malformedRequest();
      const error = refuseBadFraming(request);
      if (error) {
        ended.add(request.socket);
        refused.inc({ reason: String(error.meta['reason']) });
      }
      if (error || couldUpgrade(request)) response.shouldKeepAlive = false;
      return error;
    },
  };
}

/**
 * Where no upgrade follows, Node loses what it read behind such a request: a request, or the beginning of one. So it has to be the last of its
 * connection, which RFC 9110 §7.8 leaves open.
 */
const couldUpgrade = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? '');

interface ParserError extends NodeJS.ErrnoException {
  bytesParsed?: number;
  rawPacket?: Buffer;
}

/** Undefined where there is nobody left to answer. */
function refusalOf(failure: ParserError): [BadRequestReason, AppError] | undefined {
  const { code = '' } = failure;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['timeout', errors.requestTimeout()];
  if (code === 'HPE_HEADER_OVERFLOW') return ['headers', errors.headersTooLarge()];
  if (code === 'HPE_PAUSED_H2_UPGRADE') return ['version', errors.versionNotSupported()];
  if (code === 'HPE_INVALID_METHOD' && beginsWithMethod(failure))
    return ['method', errors.methodNotAllowed()];
  return code.startsWith('HPE_') ? ['malformed', errors.malformedRequest()] : undefined;
}

/** The parser knows some methods and stops at the first letter of any other; what looks like a method is one that is not allowed. */
function beginsWithMethod({ bytesParsed = 0, rawPacket }: ParserError): boolean {
  if (!rawPacket) return false;
  const from = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf(0x0a, bytesParsed - 1) + 1;
  return /^[A-Za-z]{1,32} \//.test(rawPacket.toString('latin1', from, from + 40));
}

/** Two fields that Node's own server goes by. */
export interface ServingSocket extends Socket {
  /** The answer whose turn it is. */
  _httpMessage?: ServerResponse | null;
  /** `incoming`: the request that was read last. */
  parser?: { incoming?: IncomingMessage | null } | null;
}

/**
 * Answers in the place of the request that broke. Those before it on the connection get their own answers first: written at once, the refusal
 * would be taken for the answer to one of them. Where the broken one has (half of) an answer already, the connection just ends.
 */
function answerInTurn(socket: ServingSocket, error: AppError): void {
  const pending = socket._httpMessage;
  if (pending?.req.complete) {
    pending.once('close', () => answerInTurn(socket, error));
    return;
  }
  const wasAnswered = pending ? pending.headersSent : socket.parser?.incoming?.complete === false;
  if (wasAnswered || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(answerOf(error));
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function answerOf({ code, message, httpStatus }: AppError): string {
  const body = JSON.stringify({ code, message, data: null, trace_id: traceIdOf(undefined) });
  return [
    `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus]}`,
    `Date: ${new Date().toUTCString()}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    ...(httpStatus === 405 ? [`Allow: ${methods}`] : []),
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/**
 * `100 Continue` goes out when somebody begins to read the body, so that a request which is refused by its head never brings it (RFC 9110
 * §10.1.1). Node closes the connection of one that got its answer without: whether the body still comes is up to the client.
 */
function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  const read = request._read.bind(request);
  request._read = (size) => {
    request._read = read;
    if (!response.headersSent) response.writeContinue();
    read(size);
  };
}
