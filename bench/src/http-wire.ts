export interface LoadRequest {
  /** The whole HTTP/1.1 request, ready for the socket. */
  bytes: Buffer;
}

export interface Answered {
  status: number;
  /** Bytes of the whole answer. */
  length: number;
  /** The server said that it closes the connection after it. */
  isLast: boolean;
  /** Of the header Retry-After, where there is one. */
  retryAfterSeconds: number | undefined;
}

const headEnd = '\r\n\r\n';
const lengthHeader = /\r\ncontent-length: *(\d+)/i;
const retryHeader = /\r\nretry-after: *(\d+)/i;
const closeHeader = /\r\nconnection: *close/i;

/**
 * The whole answer at the start of what was received, a character a byte (latin1); undefined while a part is missing. Throws on one without
 * Content-Length.
 */
export function parseAnswer(received: string): Answered | undefined {
  const end = received.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = received.slice(0, end);
  const bodyLength = lengthHeader.exec(head)?.[1];
  if (bodyLength === undefined) throw new Error('an answer without Content-Length');
  const length = end + headEnd.length + Number(bodyLength);
  if (received.length < length) return undefined;
  const status = Number(head.slice(9, 12));
  // Only who is told to come back is told when.
  const retryAfter = status === 429 || status === 503 ? retryHeader.exec(head)?.[1] : undefined;
  return {
    status,
    length,
    isLast: closeHeader.test(head),
    retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
  };
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
