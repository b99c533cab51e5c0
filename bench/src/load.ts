import net from 'node:net';

export interface LoadRequest {
  /** The whole HTTP/1.1 request, ready for the socket. */
  bytes: Buffer;
}

export interface LoadResult {
  /** How often each HTTP status was answered; 0 counts broken connections. */
  statuses: Map<number, number>;
  /** Milliseconds from the write of a request to the whole of its answer, by status class 2xx. */
  latencies: number[];
  seconds: number;
}

const headerEnd = Buffer.from('\r\n\r\n');
const lengthHeader = /content-length: (\d+)/i;

/**
 * A closed loop over keep-alive connections: each sends its next request when it has the answer to the last. Raw sockets, because the
 * generator shares the machine with what it measures, and has to be small.
 */
export function runLoad(options: {
  host: string;
  port: number;
  connections: number;
  requests: LoadRequest[];
}): Promise<LoadResult> {
  const { host, port, connections, requests } = options;
  const result: LoadResult = { statuses: new Map(), latencies: [], seconds: 0 };
  const began = performance.now();
  let next = 0;

  const count = (status: number) => result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1);

  function runConnection(): Promise<void> {
    return new Promise((resolve) => {
      const socket = net.connect({ host, port, noDelay: true });
      let received: Buffer = Buffer.alloc(0);
      let sentAt = 0;
      let waiting = false;

      const send = () => {
        const request = requests[next];
        if (!request) {
          waiting = false;
          socket.end();
          return resolve();
        }
        next += 1;
        waiting = true;
        sentAt = performance.now();
        socket.write(request.bytes);
      };
      socket.on('connect', send);
      socket.on('data', (chunk: Buffer) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        const answer = parseAnswer(received);
        if (!answer) return;
        received = received.subarray(answer.length);
        count(answer.status);
        if (answer.status < 300) result.latencies.push(performance.now() - sentAt);
        send();
      });
      const broken = () => {
        if (waiting) count(0);
        resolve();
      };
      socket.on('error', broken);
      socket.on('close', broken);
    });
  }

  return Promise.all(Array.from({ length: connections }, runConnection)).then(() => {
    result.seconds = (performance.now() - began) / 1_000;
    return result;
  });
}

/** Status and length in bytes of a whole answer at the start of what was received; undefined while a part is missing. */
export function parseAnswer(received: Buffer): { status: number; length: number } | undefined {
  const end = received.indexOf(headerEnd);
  if (end < 0) return undefined;
  const head = received.toString('latin1', 0, end);
  const length = end + headerEnd.length + Number(lengthHeader.exec(head)?.[1] ?? 0);
  return received.length < length ? undefined : { status: Number(head.slice(9, 12)), length };
}

/** One request as it goes over the wire. */
export function httpRequest(at: string, headers: Record<string, string>, body = ''): LoadRequest {
  const lines = [
    `${at} HTTP/1.1`,
    'Host: onrush',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  if (body) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return { bytes: Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`) };
}
