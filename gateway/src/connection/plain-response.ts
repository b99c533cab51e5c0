import { ServerResponse, STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ServingSocket } from './connection-guard';

/** What Node's own server sets and looks at. */
interface Internals {
  socket: Socket | null;
  _header: string;
  _last: boolean;
  _keepAliveTimeout: number;
  _maxRequestsPerSocket: number | null;
}

export interface Text {
  text: string;
  encoding: 'latin1' | 'utf8';
}

/** Node settles them itself, or they say where the answer ends. */
const special = /^(?:connection|content-length|date|keep-alive|trailer|transfer-encoding)$/i;
/** As Node has it (RFC 9110 §5.5). */
const forbiddenInValue = /[^\t\x20-\x7e\x80-\xff]/;
/** By which Node sees that a silent connection is not to be closed. */
const keepOpen = () => undefined;

/**
 * An answer like any other of Node's, however it is written. One that is at hand as a whole can leave as one text besides, without what a stream
 * needs.
 */
export class PlainResponse extends ServerResponse {
  isSent = false;
  #onSent: ((isKept: boolean) => void) | undefined;

  /** What Node's server does with its own. Calls `onSent` when all of it has been handed to the system, unless the connection ends before. */
  begin(socket: ServingSocket, server: Server, onSent: (isKept: boolean) => void): void {
    const internals = this as unknown as Internals;
    internals._keepAliveTimeout = server.keepAliveTimeout;
    internals._maxRequestsPerSocket = server.maxRequestsPerSocket;
    this.#onSent = onSent;
    this.on('finish', () => this.#sent(!internals._last));
    this.on('timeout', keepOpen);
    socket._httpMessage = this;
    internals.socket = socket;
  }

  /** `headers`: names and values in turn, the length of the text among them. False where nothing was done, and Node has to write it. */
  sendWhole(status: number, headers: string[], { text, encoding }: Text): boolean {
    const { socket } = this;
    if (!socket?.writable || this.headersSent || !this.shouldKeepAlive || !hasBody(status)) return false;
    const lines = linesOf(headers);
    if (lines === undefined) return false;
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}Date: ${dateNow()}\r\n${this.#keepAlive()}\r\n`;
    this.statusCode = status;
    this.finished = true;
    (this as unknown as Internals)._header = head;
    // Where it fails, the connection ends, and this answer with it.
    socket.write(head + text, encoding, (error) => {
      if (!error) this.#sent(true);
    });
    return true;
  }

  #keepAlive(): string {
    const { _keepAliveTimeout, _maxRequestsPerSocket } = this as unknown as Internals;
    const most = _maxRequestsPerSocket ? `, max=${_maxRequestsPerSocket}` : '';
    return `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(_keepAliveTimeout / 1_000)}${most}\r\n`;
  }

  #sent(isKept: boolean): void {
    const socket: ServingSocket | null = this.socket;
    if (!socket) return;
    this.isSent = true;
    (this as unknown as Internals).socket = null;
    socket._httpMessage = null;
    closeResponse(this);
    this.#onSent?.(isKept);
  }
}

/** As Node does when it has been sent, and when its connection is gone. */
export function closeResponse(response: PlainResponse): void {
  response.destroyed = true;
  response.emit('close');
}

// To TypeScript it is a field, which no getter may stand for.
Object.defineProperty(PlainResponse.prototype, 'writableFinished', {
  get(this: PlainResponse) {
    return this.isSent || Reflect.get(ServerResponse.prototype, 'writableFinished', this);
  },
});

const hasBody = (status: number): boolean => status >= 200 && status !== 204 && status !== 304;

/** Undefined where Node has to complete them, or to refuse them. Names are ours, or have been read by a parser. */
function linesOf(headers: string[]): string | undefined {
  let lines = '';
  let hasLength = false;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    if (forbiddenInValue.test(value)) return undefined;
    if (special.test(name)) {
      if (hasLength || name.toLowerCase() !== 'content-length') return undefined;
      hasLength = true;
    }
    lines += `${name}: ${value}\r\n`;
  }
  return hasLength ? lines : undefined;
}

let date = '';
let dateUntil = 0;

/** It has whole seconds (RFC 9110 §5.6.7). */
function dateNow(): string {
  const now = Date.now();
  if (now >= dateUntil) {
    date = new Date(now).toUTCString();
    dateUntil = now - (now % 1_000) + 1_000;
  }
  return date;
}
