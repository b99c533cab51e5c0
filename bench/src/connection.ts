import net from 'node:net';
import { parseAnswer, type LoadRequest } from './http-wire';

export interface Address {
  host: string;
  port: number;
}

/** A client's keep-alive connection, with at most one request on its way. */
export interface Connection {
  send(request: LoadRequest): void;
  close(): void;
}

export interface ConnectionEvents {
  /** It is open, or has its answer: the next request may go. */
  free(connection: Connection): void;
  answered(status: number, retryAfterSeconds?: number): void;
  /** It could not be opened, broke while an answer was due, or answered what is not HTTP. Nothing comes after it. */
  broken(): void;
}

/** Nothing that is measured takes as long; a run ends even where a server hangs. */
const answerLimitMs = 30_000;

/**
 * Opens a connection, and opens it again where the server closes it in order: with `Connection: close`, or while nothing is on its way. Raw
 * sockets, because the generator shares the machine with what it measures, and has to be small.
 */
export function openConnection(at: Address, events: ConnectionEvents): Connection {
  let socket: net.Socket;
  let received: Buffer;
  let isWaiting = false;
  let isOver = false;

  const connection: Connection = {
    send({ bytes }) {
      isWaiting = true;
      socket.write(bytes);
    },
    close() {
      isOver = true;
      socket.end();
    },
  };

  function giveUp(): void {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    events.broken();
  }

  function take(chunk: Buffer): void {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = parseAnswer(received);
    if (!answer) return;
    received = received.subarray(answer.length);
    isWaiting = false;
    events.answered(answer.status, answer.retryAfterSeconds);
    if (isOver) return;
    if (answer.isLast) open();
    events.free(connection);
  }

  function open(onOpen?: () => void): void {
    const opened = net.connect({ ...at, noDelay: true });
    let answers = 0;
    const isCurrent = () => socket === opened;
    socket = opened;
    received = Buffer.alloc(0);
    opened.setTimeout(answerLimitMs, () => opened.destroy());
    opened.on('connect', () => onOpen?.());
    opened.on('data', (chunk: Buffer) => {
      answers += 1;
      try {
        take(chunk);
      } catch {
        giveUp();
      }
    });
    // Every error is followed by a close.
    opened.on('error', () => undefined);
    opened.on('close', () => {
      if (!isCurrent() || isOver) return;
      // A server that has never answered is not one that ends an idle connection.
      if (isWaiting || answers === 0) giveUp();
      else open();
    });
  }

  open(() => events.free(connection));
  return connection;
}
