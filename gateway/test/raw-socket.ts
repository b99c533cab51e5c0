import net from 'node:net';
import { eventually } from '@onrush/chassis/testing/wait';

export interface RawAnswer {
  status: number;
  /** Names in lower case; the values of a repeated header joined by `, `. */
  headers: Record<string, string>;
  body: string;
}

/** A connection that sends bytes as they are. */
export interface RawConnection {
  socket: net.Socket;
  send(bytes: string | Buffer): void;
  /** The whole answers so far, interim ones (1xx) left out. */
  answers: RawAnswer[];
  /** Interim statuses so far. */
  interim: number[];
  /** The next answer that has not been taken; fails where the connection ends first. */
  next(): Promise<RawAnswer>;
  /** Resolves when the connection is over; fails where the other side keeps it open. */
  closed(timeoutMs?: number): Promise<void>;
  isClosed(): boolean;
}

export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const parser = createAnswerParser();
  let isClosed = false;
  let taken = 0;
  socket.on('data', (chunk: Buffer) => parser.push(chunk));
  // A reset is a way to close; what came before it counts.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    parser.end();
    isClosed = true;
  });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return {
    socket,
    answers: parser.answers,
    interim: parser.interim,
    send: (bytes) => socket.write(bytesOf(bytes)),
    async next() {
      await eventually(() => parser.answers.length > taken || isClosed, { everyMs: 2 });
      const answer = parser.answers[taken];
      if (!answer) throw new Error(`the connection ended without an answer: ${parser.rest()}`);
      taken += 1;
      return answer;
    },
    closed: async (timeoutMs = 5_000) => {
      await eventually(() => isClosed, { timeoutMs, everyMs: 2 });
    },
    isClosed: () => isClosed,
  };
}

/** One exchange on a connection of its own, which the client ends if the server does not. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  const connection = await connectRaw(port);
  connection.send(bytes);
  try {
    return await connection.next();
  } finally {
    connection.socket.destroy();
  }
}

/** The head of a request; `headers` follow Host as they are. A character is a byte. */
export const head = (line: string, ...headers: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: gateway', ...headers, '', ''].join('\r\n');

const bytesOf = (bytes: string | Buffer): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;

export interface AnswerParser {
  answers: RawAnswer[];
  interim: number[];
  push(chunk: Buffer): void;
  /** The connection is over: an answer without a length is whole now. */
  end(): void;
  /** What has not become an answer. */
  rest(): string;
}

/** Answers out of a byte stream: with a length, in chunks, or up to its end; none to HEAD. */
export function createAnswerParser(): AnswerParser {
  let text = '';
  const answers: RawAnswer[] = [];
  const interim: number[] = [];
  let isOver = false;

  function take(): boolean {
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd === -1) return false;
    const answer = headOf(text.slice(0, headEnd));
    const bodyAt = headEnd + 4;
    const isInterim = answer.status < 200;
    const end = isInterim || answer.status === 204 ? bodyAt : bodyEnd(answer, bodyAt);
    if (end === undefined) return false;
    text = text.slice(end);
    if (isInterim) interim.push(answer.status);
    else answers.push(answer);
    return true;
  }

  function bodyEnd(answer: RawAnswer, from: number): number | undefined {
    if (answer.headers['transfer-encoding'] === undefined) {
      const length = answer.headers['content-length'];
      if (length === undefined && !isOver) return undefined;
      const end = length === undefined ? text.length : from + Number(length);
      answer.body = Buffer.from(text.slice(from, end), 'latin1').toString();
      return text.length >= end ? end : undefined;
    }
    let body = '';
    for (let at = from; ;) {
      const lineEnd = text.indexOf('\r\n', at);
      if (lineEnd === -1) return undefined;
      const size = Number.parseInt(text.slice(at, lineEnd), 16);
      const end = lineEnd + 2 + size + 2;
      if (text.length < end) return undefined;
      body += text.slice(lineEnd + 2, end - 2);
      at = end;
      if (size > 0) continue;
      answer.body = Buffer.from(body, 'latin1').toString();
      return at;
    }
  }

  return {
    answers,
    interim,
    rest: () => text,
    push(chunk) {
      text += chunk.toString('latin1');
      while (take());
    },
    end() {
      isOver = true;
      while (take());
    },
  };
}

function headOf(text: string): RawAnswer {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1];
  if (status === undefined) throw new Error(`not a status line: ${statusLine}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return { status: Number(status), headers, body: '' };
}
