import net from 'node:net';
import { parseAnswer, type LoadRequest } from './http-wire';

export interface Address {
  host: string;
  port: number;
  /** 30 s unless said. Nothing that is measured takes as long; a run ends even where a server hangs. */
  answerLimitMs?: number;
}

/** Status 0: the connection could not be opened, broke before the answer was whole, or brought what is no answer. */
export type OnAnswer = (status: number, retryAfterSeconds?: number) => void;

/** A client's keep-alive connection. It is opened where it is not open: a server may close it while nothing is on its way. */
export interface Connection {
  /** Resolves when it is open, or has turned out not to open: the next request tells which. */
  open(): Promise<void>;
  /** One at a time: the next may go when this one has its answer. */
  send(request: LoadRequest, onAnswer: OnAnswer): void;
  /** Breaks where the request on its way was so at the last call already. */
  breakIfLate(): void;
  close(): void;
}

/**
 * Raw sockets, because the generator shares the machine with what it measures, and has to be small. `received` is where answers arrive; many
 * connections may share it, because each reads what has come before another one receives.
 */
export function createConnection({ host, port }: Address, received: Buffer): Connection {
  let socket: net.Socket | undefined;
  /** Of the request that is on its way. */
  let onAnswer: OnAnswer | undefined;
  let wasOnItsWay = false;
  /** The beginning of an answer whose end has not come yet. */
  let begun = '';

  function drop(): void {
    socket?.destroy();
    socket = undefined;
    begun = '';
  }

  function finish(status: number, retryAfterSeconds?: number): void {
    const tell = onAnswer;
    onAnswer = undefined;
    tell?.(status, retryAfterSeconds);
  }

  function fail(): void {
    drop();
    finish(0);
  }

  function take(piece: string): void {
    // Nobody asked: a server says goodbye.
    if (!onAnswer) return drop();
    const text = begun + piece;
    let answer;
    try {
      answer = parseAnswer(text);
    } catch {
      return fail();
    }
    begun = answer ? '' : text;
    if (!answer) return;
    if (answer.isLast || text.length > answer.length) drop();
    finish(answer.status, answer.retryAfterSeconds);
  }

  function connect(): net.Socket {
    const opened = net.connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: received,
        callback(length) {
          take(received.toString('latin1', 0, length));
          return true;
        },
      },
    });
    const lose = () => {
      if (socket === opened) fail();
    };
    // Every error is followed by a close.
    opened.on('error', () => undefined);
    opened.on('close', lose);
    return opened;
  }

  return {
    open: () =>
      new Promise((resolve) => {
        socket ??= connect();
        if (!socket.connecting) return resolve();
        socket.once('connect', resolve).once('close', resolve);
      }),
    send({ bytes }, tell) {
      onAnswer = tell;
      wasOnItsWay = false;
      socket ??= connect();
      socket.write(bytes);
    },
    breakIfLate() {
      if (onAnswer && wasOnItsWay) fail();
      wasOnItsWay = true;
    },
    close: drop,
  };
}
