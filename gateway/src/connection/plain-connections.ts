import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ServingSocket } from './connection-guard';
import { PlainMessage } from './plain-message';
import { readPlainRequest } from './plain-request';
import { closeResponse, PlainResponse } from './plain-response';

/**
 * Reads plain requests (plain-request.ts) itself, and gives them to the server as Node would. Everything else on a connection stays with Node's
 * server: its time limits and its end, its first request, and from the first bytes on that are not exactly one plain request, all that comes. Until
 * then what Node's parser has had were whole requests, so that it is never in the middle of one.
 */
export function servePlainRequests(server: Server): void {
  server.on('connection', (socket: Socket) => {
    const [byNode] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    if (byNode && !socket.destroyed) readFrom(server, socket, byNode);
  });
}

function readFrom(server: Server, socket: ServingSocket, byNode: (bytes: Buffer) => void): void {
  let requests = 0;
  /** Not told by its class: express gives responses another one. */
  let current: PlainResponse | undefined;

  function read(bytes: Buffer): void {
    if (current) return readLater(socket, bytes);
    const plain = readPlainRequest(bytes);
    if (!plain) {
      socket.off('data', read);
      socket.on('data', byNode);
      return byNode(bytes);
    }
    requests += 1;
    // The first one, since only from then on Node takes the connection for an idle one; and what was sent ahead, since Node has the turns.
    if (requests === 1 || socket._httpMessage) return byNode(bytes);
    const request = new PlainMessage(socket, plain);
    current = new PlainResponse(request);
    current.shouldKeepAlive = requests < (server.maxRequestsPerSocket || Infinity);
    current.begin(socket, server, goOn);
    server.emit('request', request, current);
  }

  function goOn(isKept: boolean): void {
    current = undefined;
    if (!isKept) socket.destroySoon();
    else if (socket.isPaused()) socket.resume();
  }

  socket.off('data', byNode);
  socket.on('data', read);
  socket.on('close', () => {
    if (current) closeResponse(current);
  });
}

/** What was sent ahead of the answer comes again when that is out. */
function readLater(socket: Socket, bytes: Buffer): void {
  socket.pause();
  socket.unshift(bytes);
}
