import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How many requests may wait behind the one that is served. Above, no more are read from the connection. */
const mostWaiting = 16;

const waiting = new WeakMap<Socket, number>();

/**
 * Serves a request that was sent ahead (pipelining, RFC 9112 §9.3.2) when those before it on its connection are answered. Its answer could not
 * leave earlier: served at once, hundreds behind a slow one would take the room of everybody else. Where the connection ends first, it is never
 * served.
 */
export function serveInTurn(request: IncomingMessage, response: ServerResponse, serve: () => void): void {
  const { socket } = request;
  const count = (waiting.get(socket) ?? 0) + 1;
  waiting.set(socket, count);
  // What came in one piece with it is parsed already, and waits as well.
  if (count >= mostWaiting) socket.pause();
  response.once('socket', () => {
    const left = (waiting.get(socket) ?? 1) - 1;
    waiting.set(socket, left);
    if (left === mostWaiting - 1) socket.resume();
    serve();
  });
}

/** Node gives the connection to one answer at a time. */
export const isItsTurn = (response: ServerResponse): boolean => response.socket !== null;
