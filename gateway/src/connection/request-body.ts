import type { IncomingMessage } from 'node:http';
import { errors } from '../errors';
import { PlainMessage } from './plain-message';

export const emptyBody = Buffer.alloc(0);

/** Whether the request's head announces a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** A length that is announced and too large is refused before a byte of it is read. */
export function assertLength({ headers }: IncomingMessage, limitBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw errors.bodyTooLarge();
}

/**
 * The whole body. An upstream hears of a request when all of it is here: a slow client holds nothing but its own connection, and what was
 * never sent can be sent again. At once where it has arrived with the head, as small ones do.
 */
export function readBody(request: IncomingMessage, limitBytes: number): Buffer | Promise<Buffer> {
  assertLength(request, limitBytes);
  if (request instanceof PlainMessage) return request.body;
  if (!hasBody(request)) return emptyBody;
  if (!request.complete) return gatherBody(request, limitBytes);
  const body = (request.read() as Buffer | null) ?? emptyBody;
  // The second look finds the end, which frees the connection for the next request.
  request.read();
  if (body.length > limitBytes) throw errors.bodyTooLarge();
  return body;
}

function gatherBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) return void chunks.push(chunk);
      // The rest is thrown away as it comes, until the refusal has closed the connection.
      chunks.length = 0;
      reject(errors.bodyTooLarge());
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => {
      // An error has its stack, which costs more than the body: it is made where it is needed.
      if (!request.complete) reject(errors.malformedRequest());
    });
  });
}
