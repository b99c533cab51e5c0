import { ServerResponse, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { createProxyMiddleware } from 'http-proxy-middleware';
import type { Balancer, Pick } from '@onrush/chassis/balancer';
import { httpOriginOf } from '@onrush/chassis/discovery';
import { isAppError } from '@onrush/chassis/errors';
import { pickPreferred } from '../canary/canary';
import type { CanaryChoice } from '../canary/canary-choice';
import { errors } from '../errors';
import type { Exchange } from '../exchange';
import type { LongLived } from './long-lived';
import type { Onward } from '../upstream/onward';
import type { End } from '../pipeline';
import type { Router } from '../router';
import type { GatewayRoute } from '../routes';
import { parseTarget } from '../connection/request-target';
import { relayHandshakeRefusal, sendHandshakeError } from './handshake-refusal';

/** A connection that Node has handed over, as its client's handshake left it. */
interface Upgrade {
  socket: Socket;
  head: Buffer;
}

/** A handshake that has been sent on. */
interface Handshake extends Upgrade {
  exchange: Exchange;
  route: GatewayRoute;
  pick: Pick;
  /** From 101 on the bytes are those of both sides alone. */
  isOpen: boolean;
}

export interface WebSockets {
  /** The end of a route whose kind is `websocket`; a request that does not ask for one is told so. */
  end: End;
  /** Sends the handshakes of such routes through the pipeline, by a response that stands on the connection itself. */
  serve(server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void): void;
  /** Node's `shouldUpgradeCallback`: any other request that names an upgrade is served as if it did not (RFC 9110 §7.8). */
  isHandshake(request: IncomingMessage): boolean;
}

/** WebSockets (RFC 6455) pass through: every check of a request, and then the bytes of both sides are theirs alone. */
export function createWebSockets(deps: {
  router: () => Router;
  balancerOf: (upstream: string) => Balancer;
  onward: Onward;
  canary: CanaryChoice;
  longLived: LongLived;
}): WebSockets {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const handshakes = new WeakMap<IncomingMessage, Handshake>();
  const handshakeOf = (request: IncomingMessage) => handshakes.get(request) as Handshake;
  const proxy = createProxyMiddleware<IncomingMessage, ServerResponse>({
    target: 'http://placeholder.invalid',
    router: (request) => httpOriginOf(handshakeOf(request).pick.instance),
    on: {
      proxyReqWs: (toUpstream, request) => follow(toUpstream, handshakeOf(request)),
      error: (error, request) => fail(handshakeOf(request), error),
    },
  });

  return {
    isHandshake(request) {
      if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket') return false;
      if (owesAnAnswer(request.socket)) return false;
      try {
        const found = deps.router().match('GET', parseTarget(request, { hosts: undefined }).path);
        return found !== undefined && 'route' in found && found.route.kind === 'websocket';
      } catch {
        return false;
      }
    },
    serve(server, handle) {
      server.on('upgrade', (request, socket: Socket, head: Buffer) => {
        upgrades.set(request, { socket, head });
        handle(request, responseOn(request, socket));
      });
    },
    async end(exchange, route) {
      const { request } = exchange;
      const upgrade = upgrades.get(request);
      if (!upgrade) throw errors.upgradeRequired();
      const { socket, head } = upgrade;
      // Whoever has gone already will not tell so again: it would be held, and count, for ever.
      if (socket.destroyed) return;
      deps.longLived.hold(socket);
      const balancer = deps.balancerOf(route.upstream);
      const pick = pickPreferred(deps.canary.preferenceOf(exchange, route), balancer.pick);
      if (!pick) throw errors.upstreamFailed({ retryAfterSeconds: 1 });
      socket.once('close', () => pick.done('abandoned'));
      exchange.servedVersion = pick.instance.version;
      const headers = await deps.onward.requestHeaders(exchange, route);
      if (socket.destroyed) return;
      handshakes.set(request, { exchange, route, pick, socket, head, isOpen: false });
      request.headers = {
        ...recordOf(headers),
        host: request.headers.host,
        connection: 'Upgrade',
        upgrade: 'websocket',
      };
      proxy.upgrade(request, socket, head);
    },
  };
}

/** A handshake that was sent ahead, behind another request, has to wait for its turn: it cannot take the connection over. As Node's assignSocket looks. */
const owesAnAnswer = (socket: Socket): boolean =>
  Boolean((socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage);

/** From the moment the handshake leaves until it is answered, or nobody waits for that any more. */
function follow(toUpstream: ClientRequest, handshake: Handshake): void {
  const { socket, route, pick } = handshake;
  const overdue = () => toUpstream.destroy(errors.deadlineExceeded({ meta: { upstream: route.upstream } }));
  const timer = setTimeout(overdue, route.timeoutMs);
  const leave = () => {
    clearTimeout(timer);
    toUpstream.destroy();
  };
  if (socket.destroyed) return leave();
  socket.once('close', leave);
  toUpstream.once('upgrade', (answer: IncomingMessage, upstreamSocket: Socket) => {
    clearTimeout(timer);
    open(handshake, answer, upstreamSocket);
  });
  const refuse = (answer: IncomingMessage) => {
    pick.done((answer.statusCode ?? 0) < 500 ? 'ok' : 'failed');
    relayHandshakeRefusal(handshake.exchange, answer, pick.instance);
  };
  // http-proxy-middleware listens as soon as we are done here, and writes any other answer onto the bare connection: these are ours to write.
  process.nextTick(() => toUpstream.removeAllListeners('response').once('response', refuse));
}

function open(handshake: Handshake, { headers }: IncomingMessage, upstreamSocket: Socket): void {
  const { exchange, socket, pick } = handshake;
  const { response, requestId } = exchange;
  handshake.isOpen = true;
  headers['x-served-version'] = pick.instance.version;
  headers['x-request-id'] = requestId;
  response.detachSocket(socket);
  // For the access log: a WebSocket is served when it closes.
  response.statusCode = 101;
  socket.once('close', () => {
    upstreamSocket.destroy();
    response.emit('close');
  });
  // What has come by then is still the client's; after a reset, nothing is.
  upstreamSocket.once('close', (wasReset: boolean) => {
    if (wasReset) socket.destroy();
    else socket.destroySoon();
  });
}

/** The upstream was not reached, did not answer in time or broke; or the client did, before the answer. */
function fail({ exchange, socket, pick, isOpen }: Handshake, error: Error): void {
  // One that is open counts by its end, and its client would take for a frame whatever were written now; half an answer must not look whole.
  if (isOpen || socket.destroyed || exchange.response.headersSent) {
    socket.destroy();
    return;
  }
  pick.done('syscall' in error && error.syscall === 'connect' ? 'unreachable' : 'failed');
  const known = isAppError(error) ? error : errors.upstreamFailed({ cause: error, retryAfterSeconds: 1 });
  sendHandshakeError(exchange, known);
}

/** How long a client may read its refusal: a reset would take the answer away from it. */
const lingerMs = 500;

/** A refusal is written like any other, to a connection that Node has handed over already. */
function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  // Node has taken its listeners off: without one, a reset would end the process.
  socket.on('error', () => undefined);
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.once('finish', () => {
    // Unread, what the client still sends would cause a reset; and one that never ends its side must not hold it for good.
    socket.resume();
    socket.end();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  });
  return response;
}

function recordOf(flat: string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) record[flat[index] ?? ''] = flat[index + 1] ?? '';
  return record;
}
